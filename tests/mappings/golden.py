"""The golden cases as accounts to be created: a shipped mapping must give what a server of its kind takes."""

from pathlib import Path

import yaml

from connector.mapping.load import load, shipped_folder
from connector.mapping.render import render
from connector.targets.base import Account, Target
from connector.targets.compare import differences, is_nothing


def golden_accounts(mapping: str, handle: str) -> list[Account]:
    """Each case of the mapping for an agent of its own, so that cases may meet at one server."""
    made = []
    for case in sorted(Path(__file__).parent.glob(f"{mapping}/*.yaml")):
        facts = yaml.safe_load(case.read_text())["facts"]
        facts |= {"id": f"{facts['id']}-{handle}", "agentUserName": f"{facts['agentUserName']} {handle}"}
        rendered = render(load(mapping, [shipped_folder()]), facts)
        made.append(Account(name=rendered.name, active=facts["active"], attributes=rendered.attributes))
    return made


def assert_taken_as_they_are(target: Target, accounts: list[Account]) -> None:
    """The target creates each of them, and sees nothing left to change."""
    assert len(accounts) >= 2
    for wanted in accounts:
        created = target.create(wanted)

        assert created.active == wanted.active
        assert is_nothing(differences(wanted, created, managed=tuple(wanted.attributes), normalise=target.normalise))
