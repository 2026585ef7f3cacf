"""Users and groups of the Okta target against another maker's emulator, as far as that is faithful to Okta."""

import uuid
from collections.abc import Iterator

import pytest

from connector.targets.base import Account, Target
from connector.targets.registry import open_target
from tests.contract.target_contract import NASTY, GroupContract, Shape
from tests.servers.emulate import Emulate

pytestmark = pytest.mark.xdist_group("emulate")


class TestEmulate(GroupContract):
    @pytest.fixture
    def shape(self) -> Shape:
        fixed: dict[str, object] = {"lastName": "Agent"}
        return Shape(handle="login", text="firstName", optional="", fixed=fixed, keeps_four_byte_text=False)

    @pytest.fixture
    def handle(self) -> str:
        return f"bot-{uuid.uuid4().hex[:12]}@agents.invalid"

    @pytest.fixture
    def target(self, emulate: Emulate, monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
        monkeypatch.setenv("OKTA_TOKEN", "test_token_admin")
        options = {"url": emulate.url, "token": "env:OKTA_TOKEN", "accounts_where": ""}
        yield open_target("okta", "emulated", options)

    @pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
    def test_nasty_text_is_kept_and_found(self, target: Target, shape: Shape, handle: str, text: str) -> None:
        """Kept only: the emulator looks for the expression of a search as a text in the profile, and so finds nothing."""
        created = target.create(self.make(shape, handle, **{shape.text: text + handle}))

        found = target.read(created.id)

        assert found is not None
        assert found.attributes[shape.text] == shape.kept(text + handle)

    def test_a_handle_that_is_taken_is_refused(
        self, target: Target, shape: Shape, wanted: Account, handle: str
    ) -> None:
        pytest.skip("the emulator lets a user take a login that is taken; tests/contract/test_okta.py asks for it")
