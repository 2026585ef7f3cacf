"""`connector directory sync` at a real domain controller."""

import uuid

import pytest

from tests.contract.sync_contract import SyncContract, Told
from tests.servers.samba import Samba

pytestmark = pytest.mark.xdist_group("samba")


class Domain:
    def __init__(self, samba: Samba) -> None:
        self._samba = samba
        self.people = samba.add(f"OU=s-{uuid.uuid4().hex[:12]},{samba.people}", ["organizationalUnit"], {})

    def person(self, handle: str) -> str:
        values = {
            "mail": f"{handle}@people.example",
            "title": "Analyst",
            "department": "Finance",
            "displayName": handle,
        }
        return self._samba.add_person(handle, below=self.people, **values)

    def rename(self, person: str, handle: str) -> None:
        self._samba.modify(person, {"sAMAccountName": [handle]})

    def disable(self, person: str) -> None:
        self._samba.modify(person, {"userAccountControl": ["514"]})

    def delete(self, person: str) -> None:
        self._samba.delete(person)

    def group(self, name: str, *members: str) -> str:
        values = {"sAMAccountName": name, "groupType": "-2147483646", "member": members}
        return self._samba.add(f"CN={name},{self._samba.groups}", ["group"], values)

    def leave(self, group: str, member: str, *, stays: str) -> None:
        self._samba.modify(group, {"member": [stays]})


class TestDomain(SyncContract):
    @pytest.fixture
    def there(self, samba: Samba) -> Domain:
        return Domain(samba)

    @pytest.fixture
    def told(self, there: Domain, domain_options: dict[str, str]) -> Told:
        fields = (
            "{userName: sAMAccountName, displayName: displayName, email: mail, title: title, department: department}"
        )
        return Told("active_directory", {**domain_options, "people_base": there.people}, fields)
