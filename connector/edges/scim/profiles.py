"""What we tolerate of whom: each deviation from the RFCs and the interop profile is one named tolerance; and what we spare whom.

docs/scim.md has a line for each, tests/protocol/scim/test_profiles.py a test for each. Code asks for the tolerance, never for a
profile's name. `entra`, `okta` and `canaille` are `default` and what only they mean or need; `strict` has none.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """The tolerances granted to one kind of client. All False is the letter of the standards."""

    unknown_attributes: bool = False
    """An attribute that is not in the schemas is passed over, in a body and in the value of a PATCH operation."""

    unknown_schemas: bool = False
    """A URN in `schemas` that we do not serve is passed over (Entra's ADSCIM group)."""

    single_value_for_list: bool = False
    """One value where a list is expected is a list of one (OneLogin)."""

    bare_string_for_object: bool = False
    """A string where an object with `value` is expected is that value (manager from Entra, member from Keycloak)."""

    boolean_strings: bool = False
    """"True" and "false" stand for booleans, in values and in filters (Entra)."""

    operation_case: bool = False
    """`op` in any case, such as `Add` (Entra)."""

    operation_without_path: bool = False
    """A PATCH operation without `path`, whose value names attributes, paths and URN paths (Okta, Entra, authentik)."""

    read_only_in_value: bool = False
    """An attribute that only the server sets, among others in a value, is passed over even when it differs."""

    remove_by_value: bool = False
    """`remove` with values takes out just those (Entra, JumpCloud, authentik); by the RFC it would empty the list."""

    empty_add_clears: bool = False
    """`add` of null or "" clears the attribute (Entra, Okta), where the RFC wants a value."""

    add_creates_element: bool = False
    """`add` through a value filter that matches nothing makes the element (Entra, Okta)."""

    replace_whole_element: bool = False
    """`replace` of an element that a value filter chooses, naming none of its attributes: the RFC allows it."""

    replace_creates_element: bool = False
    """`replace` through a value filter that matches nothing makes the element (Entra), where the RFC says noTarget."""

    # What an answer has for a client, or leaves out; the RFCs allow either.

    member_display: bool = False
    """Members of a group have `display`, which the Group schema of RFC 7643 section 8.7.1 does not have."""

    group_patch_without_body: bool = False
    """A PATCH of a group answers 204, however few its members are (Entra asks for that)."""

    config_of_rfc7643: bool = False
    """ServiceProviderConfig has only the members of RFC 7643: nothing of RFC 9865 and of drafts (Canaille refuses more)."""


_DEFAULT = {
    "unknown_attributes",
    "unknown_schemas",
    "single_value_for_list",
    "bare_string_for_object",
    "boolean_strings",
    "operation_case",
    "operation_without_path",
    "read_only_in_value",
    "remove_by_value",
    "replace_whole_element",
    "member_display",
}
_OKTA = _DEFAULT | {"empty_add_clears", "add_creates_element"}


def _granting(names: set[str]) -> Profile:
    return Profile(**dict.fromkeys(names, True))


PROFILES: Mapping[str, Profile] = {
    "default": _granting(_DEFAULT),
    "okta": _granting(_OKTA),
    "entra": _granting(_OKTA | {"replace_creates_element", "group_patch_without_body"}),
    "canaille": _granting(_DEFAULT | {"config_of_rfc7643"}),
    "strict": Profile(),
}
