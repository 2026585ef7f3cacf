"""Distinguished names: one spelling for all spellings, and no value that can change the shape of a name or a filter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.mapping.names import relative_name
from connector.targets.base import Rejected
from connector.targets.ldap_names import below, canonical, equals, naming_values, parts_of, relative_part

BASE = "ou=agents,dc=example,dc=com"


@pytest.mark.parametrize(
    "spelling",
    [
        "uid=a b,ou=X,dc=y",
        "UID=A B,OU=x,DC=Y",
        "uid = a b , ou = x , dc = y",
        "uid=a  b,ou=x,dc=y",
        "uid=\\61 \\62,ou=x,dc=y",
        "uid=a\\20b,ou=x,dc=y",
    ],
)
def test_every_spelling_of_a_name_is_the_same_name(spelling: str) -> None:
    assert canonical(spelling) == "uid=a b,ou=x,dc=y"


@pytest.mark.parametrize("other", ["uid=a\\,ou=x,dc=y", "uid=a\\2Cou=x,dc=y", "uid=a#1,dc=y", "uid=a\\#1,dc=y"])
def test_an_escaped_separator_is_part_of_the_value(other: str) -> None:
    assert len(parts_of(other)) == 2


def test_pairs_of_one_relative_name_have_no_order() -> None:
    assert canonical("cn=a+uid=b,dc=y") == canonical("uid=b + CN=A,dc=y")


@pytest.mark.parametrize("text", ["", "agents", "=x", "uid=", "uid=a,", "uid=a,,dc=y", "a b=c"])
def test_what_is_no_name_is_rejected(text: str) -> None:
    with pytest.raises(Rejected):
        parts_of(text)


def test_a_relative_name_is_put_below_the_base_and_a_full_one_is_kept() -> None:
    assert below("uid=a", BASE) == f"uid=a,{BASE}"
    assert below(f"uid=a,{BASE}", BASE.upper()) == f"uid=a,{BASE}"
    assert below(f"uid=a\\,{BASE.replace(',', chr(92) + ',')}", BASE).endswith(f",{BASE}")
    assert relative_part(f"cn=a\\,b+uid=c,{BASE}") == "cn=a\\,b+uid=c"


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=30))
def test_a_written_name_reads_back_as_one_value_below_the_base(value: str) -> None:
    name = below(relative_name({"uid": value}), BASE)

    assert naming_values(name) == {"uid": value}
    assert len(parts_of(name)) == 4


def test_a_filter_holds_its_value_literally() -> None:
    assert equals("uid", "a*)(uid=*") == "(uid=a\\2a\\29\\28uid=\\2a)"
    with pytest.raises(Rejected):
        equals("uid=*)(cn", "x")
