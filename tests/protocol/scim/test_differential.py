"""Generated conversations, held with our edge and with scim2-server in one process: every difference has a name and a reason.

CONNECTOR_DIFFERENTIAL=2000 plays that many conversations of each kind, each time other ones.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from connector.app import create_app
from connector.domain import client_access, clients
from connector.domain.unit import SYSTEM
from connector.parts import assemble
from connector.settings import Settings
from tests.protocol.scim.conversations import conversations
from tests.protocol.scim.two_servers import ENDPOINTS, Side, Step, differences, scim2_server

ASKED = os.environ.get("CONNECTOR_DIFFERENTIAL")
ROUNDS = int(ASKED) if ASKED else 24

# Differences that are meant, by what our refusal's detail holds, and why. The conversation ends there: the servers then differ.
REFUSED = {
    "is not the id of a User, Agent or Group": "RFC 7643 section 4.2: members are resources; nobody can show a dangling one",
    "is not the id of a User or Group": "the same of owners: somebody must answer for an agent",
    "with the externalId": "RFC 7643 section 3.1: the client's own identifier; two of its resources cannot share it",
    "another Group with the displayName": "Entra requires it; RFC 7644 section 3.3 leaves uniqueness to the server",
    "it cannot be empty": "RFC 7643 section 2.2: what is required has a value; scim2-server takes an empty text for one",
    "'noSuchThing' is not an attribute of": "RFC 7644 section 3.5.2: a path that leads nowhere is invalidPath, whatever else is tolerated",
}
# Others, by what is told of both answers.
TOLD = {
    "status 404 against 400": "of two errors in one request, no RFC says which comes first",
    "status 412 against 400": "the same",
    "scimType invalidFilter against invalidPath": "RFC 7644 table 9 has invalidFilter for the filter in a path",
    "scimType invalidValue against mutability": "RFC 7644 table 9: a required value is missing, where one is cleared by replace",
}
# Who is deleted leaves groups and agents that named them: these are other versions then (RFC 7644 sections 3.6 and 3.14).
AFTER_A_DELETE = {"status 200 against 304", "status 412 against 200", "status 412 against 204"}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def ours(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Side]]:
    """Makes our side for a profile, emptied."""
    folder = tmp_path_factory.mktemp("differential")
    url = (
        request.getfixturevalue("postgres_server").create_database("differential")
        if request.param == "postgresql"
        else ""
    )
    parts = assemble(Settings(data_dir=folder, database_url=url, base_url="https://connector.example"))
    parts.domain.database.upgrade()
    app, bearers = create_app(parts), {}
    with parts.domain.change(SYSTEM) as unit:
        for profile in ("strict", "default"):
            clients.create(unit, profile, frozenset({"scim"}), profile=profile, dialect="abbey", static_bearer=True)
            bearers[profile] = client_access.issue_bearer(unit, profile).secret

    def side(profile: str) -> Side:
        made = Side(app.test_client(), "/scim/v2", bearers[profile])
        for endpoint in ENDPOINTS.values():
            for one in made.send("GET", endpoint).get_json()["Resources"]:
                made.send("DELETE", f"{endpoint}/{one['id']}")
        return made

    yield side
    parts.domain.database.close()
    if url:
        request.getfixturevalue("postgres_server").drop_database("differential")


def is_named(step: Step, told: str, our_answer: str, ours: Side) -> bool:
    """Whether the difference is one that is meant."""
    if told in TOLD or (told in AFTER_A_DELETE and ours.deleted):
        return True
    if told.startswith(("status 400", "status 409")) and any(name in our_answer for name in REFUSED):
        return True
    if told.startswith(
        "numbers"
    ):  # a list that was emptied has no value to us (RFC 7643 section 2.5), and one null to them
        return " null" in step.query.get("filter", "")
    operations = step.body["Operations"] if step.what == "patch" else []
    if told.startswith(
        "scimType"
    ):  # scim2-server looks at the paths of all operations first, we carry out one after another
        return len(operations) > 1 or any(len(one["value"]) > 1 for one in operations if "path" not in one)
    if (
        told == "status 200 against 400"
    ):  # "" and [] are unassigned to us, for every attribute: Microsoft's tests send the first;
        # and an id among other attributes is passed over: Okta sends it
        return any(one.get("value") in ("", []) or ("path" not in one and "id" in one["value"]) for one in operations)
    # RFC 7643 section 2.4: a type and value occur once; and an element without any value is none. scim2-server keeps both.
    if told.startswith("values"):
        return True
    # RFC 7644 section 3.5.2.1: what a path leads to is added where it is not there; scim2-server passes over it in an empty list
    return told.startswith("body") and any(one.get("path") == "emails.display" for one in operations)


@pytest.mark.parametrize("profile", ["strict", "default"])
def test_every_difference_from_scim2_server_has_a_name_and_a_reason(ours: Callable[[str], Side], profile: str) -> None:
    @settings(
        max_examples=ROUNDS,
        deadline=None,
        database=None,
        derandomize=ASKED is None,
        phases=[Phase.generate, Phase.shrink] if ASKED else [Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(conversations(loose=profile == "default"))
    def hold(conversation: Any) -> None:
        side = ours(profile)
        found = differences(conversation, side, scim2_server(profile))
        unnamed = [(step, told, texts) for step, told, texts in found if not is_named(step, told, texts[0], side)]
        assert not unnamed, str(unnamed)

    hold()
