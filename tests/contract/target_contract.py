"""What every target promises, as tests. A subclass gives the target and its quirks; each quirk says what is not asked of it."""

import uuid
from dataclasses import dataclass, field, replace

import pytest

from connector.targets.base import Account, AlreadyExists, Capability, Changes, Missing, Rejected, Target, UniqueTarget
from connector.targets.compare import differences, is_nothing

NASTY = [
    "Zoë Ærø 東京 🤖",
    "comma, and; semicolon",
    "double \"quotes\" and 'single'",
    "star * and (parentheses)",
    "back\\slash and /slash",
    "equals = plus + less < greater > hash #",
    "#leading hash",
    "percent %41 and _underscore_ & ampersand",
    "x" * 500,
]


@dataclass(frozen=True)
class Shape:
    """How accounts look at one target: which attributes the tests may use, and what it cannot do."""

    handle: str = "userName"
    text: str = "displayName"
    optional: str = "title"  # "" where accounts have no attribute that could be cleared
    fixed: dict[str, object] = field(default_factory=dict)
    address: str = ""  # the naming attribute of an address, where accounts have one
    handle_is_fixed: bool = False
    allows_duplicates: bool = False
    keeps_empty_groups: bool = True
    keeps_four_byte_text: bool = True  # characters that take four bytes in UTF-8, such as emoji

    @property
    def clear(self) -> tuple[str, ...]:
        return (self.optional,) if self.optional else ()

    def kept(self, text: str) -> str:
        """What is left of a text at this target."""
        return text if self.keeps_four_byte_text else "".join(letter for letter in text if ord(letter) <= 0xFFFF)


class TargetContract:
    """Subclasses define the fixtures `target` and, where it differs, `shape`."""

    @pytest.fixture
    def shape(self) -> Shape:
        return Shape()

    @pytest.fixture
    def handle(self) -> str:
        return f"bot-{uuid.uuid4().hex[:12]}"

    @pytest.fixture
    def wanted(self, shape: Shape, handle: str) -> Account:
        return self.make(shape, handle)

    @staticmethod
    def make(shape: Shape, handle: str, **attributes: object) -> Account:
        values = {**shape.fixed, shape.handle: handle, shape.text: f"Bot {handle}", **attributes}
        return Account(name=f"{shape.address}={handle}" if shape.address else "", attributes=values)  # type: ignore[arg-type]

    def test_check_answers_one_line_about_what_it_found(self, target: Target) -> None:
        assert target.check().strip()
        assert "\n" not in target.check()

    def test_a_created_account_has_an_anchor_and_reads_back_the_same(self, target: Target, wanted: Account) -> None:
        created = target.create(wanted)

        found = target.read(created.id)

        assert created.id
        assert found is not None
        assert found.id == created.id
        assert found.active
        assert is_nothing(differences(wanted, found, normalise=target.normalise))
        assert is_nothing(differences(wanted, created, normalise=target.normalise))

    def test_an_account_can_be_created_disabled(self, target: Target, wanted: Account) -> None:
        created = target.create(replace(wanted, active=False))

        found = target.read(created.id)

        assert found is not None
        assert not found.active

    def test_creating_what_is_there_tells_its_id(self, target: Target, wanted: Account, shape: Shape) -> None:
        if shape.allows_duplicates:
            pytest.skip("this server lets two accounts have one name")
        created = target.create(wanted)
        if isinstance(target, UniqueTarget):
            assert target.unique() in (shape.handle, ""), "a push relies on it, and does not look before it creates"

        with pytest.raises(AlreadyExists) as problem:
            target.create(wanted)

        assert problem.value.id == created.id

    def test_an_unknown_anchor_reads_as_none(self, target: Target) -> None:
        assert target.read(str(uuid.uuid4())) is None

    def test_find_gives_the_account_and_no_other(
        self, target: Target, wanted: Account, shape: Shape, handle: str
    ) -> None:
        created = target.create(wanted)
        target.create(self.make(shape, handle + "-other"))

        assert [account.id for account in target.find(shape.handle, handle)] == [created.id]
        assert target.find(shape.handle, handle + "-absent") == []

    @pytest.mark.parametrize("pattern", ["*", "bot-*", "(uid=*)", '" or userName pr or userName eq "', "a)(uid=*"])
    def test_find_takes_its_value_literally(self, target: Target, wanted: Account, shape: Shape, pattern: str) -> None:
        target.create(wanted)

        assert target.find(shape.handle, pattern) == []

    @pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
    def test_nasty_text_is_kept_and_found(self, target: Target, shape: Shape, handle: str, text: str) -> None:
        wanted = self.make(shape, handle, **{shape.text: text + handle})

        created = target.create(wanted)

        found = target.read(created.id)
        assert found is not None
        assert found.attributes[shape.text] == shape.kept(text + handle)
        assert [account.id for account in target.find(shape.text, text + handle)] == [created.id]

    def test_a_listed_walk_meets_every_account_once(self, target: Target, shape: Shape, handle: str) -> None:
        made = {target.create(self.make(shape, f"{handle}-{number}")).id for number in range(7)}

        listed = [account.id for account in target.accounts()]

        assert made <= set(listed)
        assert len(listed) == len(set(listed))

    def test_an_update_sets_and_clears_and_leaves_the_rest(self, target: Target, shape: Shape, handle: str) -> None:
        if not shape.optional:
            pytest.skip("accounts of this target have no attribute that could be cleared")
        created = target.create(self.make(shape, handle, **{shape.optional: "before"}))

        updated = target.update(created.id, Changes(set={shape.text: "After"}, clear=shape.clear))

        found = target.read(created.id)
        assert found is not None
        assert found.attributes[shape.text] == updated.attributes[shape.text] == "After"
        assert shape.optional not in found.attributes
        assert found.attributes[shape.handle] == handle
        assert found.active

    def test_the_same_update_twice_changes_nothing_more(self, target: Target, shape: Shape, wanted: Account) -> None:
        created = target.create(wanted)
        changes = Changes(set={shape.text: "After"}, clear=shape.clear)

        once = target.update(created.id, changes)
        twice = target.update(created.id, changes)

        assert is_nothing(differences(once, twice, normalise=target.normalise))

    def test_after_an_update_there_is_nothing_left_to_change(self, target: Target, shape: Shape, handle: str) -> None:
        if not shape.optional:
            pytest.skip("accounts of this target have no attribute that could be cleared")
        created = target.create(self.make(shape, handle, **{shape.optional: "one"}))
        wanted = self.make(shape, handle, **{shape.text: "Two"})
        managed = (*wanted.attributes, shape.optional)
        first = differences(wanted, created, managed=managed, normalise=target.normalise)

        updated = target.update(created.id, first)

        assert dict(first.set) == {shape.text: "Two"}
        assert first.clear == (shape.optional,)
        assert is_nothing(differences(wanted, updated, managed=managed, normalise=target.normalise))

    def test_a_new_handle_keeps_the_anchor(self, target: Target, shape: Shape, wanted: Account, handle: str) -> None:
        if shape.handle_is_fixed:
            pytest.skip("this server never changes a name")
        created = target.create(wanted)
        renamed = self.make(shape, handle + "-new")

        target.update(created.id, differences(renamed, created, normalise=target.normalise))

        found = target.read(created.id)
        assert found is not None
        assert is_nothing(differences(renamed, found, normalise=target.normalise))
        assert target.find(shape.handle, handle) == []

    def test_a_handle_that_is_taken_is_refused(
        self, target: Target, shape: Shape, wanted: Account, handle: str
    ) -> None:
        if shape.handle_is_fixed or shape.allows_duplicates:
            pytest.skip("this server never changes a name")
        first = target.create(wanted)
        second = target.create(self.make(shape, handle + "-2"))

        with pytest.raises(AlreadyExists) as problem:
            target.update(second.id, differences(wanted, second, normalise=target.normalise))

        assert problem.value.id in (first.id, "")

    def test_disabling_and_enabling_can_be_repeated(self, target: Target, wanted: Account) -> None:
        created = target.create(wanted)

        states = [target.set_active(created.id, active).active for active in (False, False, True, True)]

        found = target.read(created.id)
        assert states == [False, False, True, True]
        assert found is not None
        assert found.active

    def test_disabling_changes_no_attribute(self, target: Target, wanted: Account) -> None:
        created = target.create(wanted)

        disabled = target.set_active(created.id, False)

        assert is_nothing(differences(wanted, disabled, normalise=target.normalise))

    def test_deleting_can_be_repeated(self, target: Target, wanted: Account, shape: Shape, handle: str) -> None:
        created = target.create(wanted)

        target.delete(created.id)
        target.delete(created.id)

        assert target.read(created.id) is None
        assert target.find(shape.handle, handle) == []

    def test_changing_an_account_that_is_gone_says_missing(self, target: Target, shape: Shape) -> None:
        gone = str(uuid.uuid4())

        with pytest.raises(Missing):
            target.update(gone, Changes(set={shape.text: "x"}))
        with pytest.raises(Missing):
            target.update(gone, Changes(clear=shape.clear))
        with pytest.raises(Missing):
            target.set_active(gone, False)

    def test_an_account_without_its_handle_is_rejected(self, target: Target, wanted: Account, shape: Shape) -> None:
        attributes = {name: value for name, value in wanted.attributes.items() if name != shape.handle}

        with pytest.raises(Rejected):
            target.create(Account(attributes=attributes))


class GroupContract(TargetContract):
    """The promises about groups, for targets that keep them."""

    def test_a_new_group_is_found_by_its_name_in_any_case(self, target: Target, wanted: Account, handle: str) -> None:
        account = target.create(wanted)

        made = target.create_group(f"Group {handle}", first_member=account.id)

        found = target.find_group(f"GROUP {handle}")
        assert Capability.GROUPS in target.capabilities
        assert found == made
        assert target.memberships(account.id, [made.id]) == {made.id}

    def test_an_unknown_group_is_none(self, target: Target, handle: str) -> None:
        assert target.find_group(f"no {handle}") is None

    @pytest.mark.parametrize("text", NASTY[:-1], ids=range(len(NASTY) - 1))
    def test_a_group_with_a_nasty_name_is_kept_and_found(
        self, target: Target, wanted: Account, handle: str, text: str
    ) -> None:
        account = target.create(wanted)

        made = target.create_group(text + handle, first_member=account.id)

        assert target.find_group(text + handle) == made

    def test_a_group_that_is_there_is_not_made_again(
        self, target: Target, wanted: Account, handle: str, shape: Shape
    ) -> None:
        if shape.allows_duplicates:
            pytest.skip("this server lets two groups have one name")
        account = target.create(wanted)
        made = target.create_group(handle, first_member=account.id)

        with pytest.raises(AlreadyExists) as problem:
            target.create_group(handle, first_member=account.id)

        assert problem.value.id == made.id

    def test_joining_and_leaving_can_be_repeated(
        self, target: Target, wanted: Account, shape: Shape, handle: str
    ) -> None:
        first = target.create(wanted)
        second = target.create(self.make(shape, handle + "-2"))
        group = target.create_group(handle, first_member=first.id)

        target.join(group.id, second.id)
        target.join(group.id, second.id)
        joined = target.memberships(second.id, [group.id])
        target.leave(group.id, second.id)
        target.leave(group.id, second.id)

        assert joined == {group.id}
        assert target.memberships(second.id, [group.id]) == frozenset()
        assert target.memberships(first.id, [group.id]) == {group.id}

    def test_the_last_member_can_leave_and_come_back(
        self, target: Target, wanted: Account, handle: str, shape: Shape
    ) -> None:
        if not shape.keeps_empty_groups:
            pytest.skip("this server has no empty groups")
        account = target.create(wanted)
        group = target.create_group(handle, first_member=account.id)

        target.leave(group.id, account.id)
        empty = target.memberships(account.id, [group.id])
        target.join(group.id, account.id)

        assert empty == frozenset()
        assert target.memberships(account.id, [group.id]) == {group.id}

    def test_a_group_that_is_gone_is_missing_to_join_and_nothing_to_leave(
        self, target: Target, wanted: Account
    ) -> None:
        account, gone = target.create(wanted), str(uuid.uuid4())

        with pytest.raises(Missing):
            target.join(gone, account.id)
        target.leave(gone, account.id)

        assert target.memberships(account.id, [gone]) == frozenset()
