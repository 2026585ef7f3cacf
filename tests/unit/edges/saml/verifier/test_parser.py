"""The one parser: what two readers could take differently is refused, and what is read is read as it stands."""

from datetime import UTC, datetime
from typing import Any

import pytest
from lxml import etree

from connector.core.errors import Invalid
from connector.edges.saml import xml

LIMIT = 256 * 1024


def parsed(text: str | bytes) -> Any:
    return xml.parse(text if isinstance(text, bytes) else text.encode(), what="thing")


def refused(text: str | bytes, sentence: str) -> None:
    with pytest.raises(Invalid, match=f"^the thing {sentence}"):
        parsed(text)


def test_a_message_of_just_the_largest_size_is_read() -> None:
    whole = b"<a>" + b"x" * (LIMIT - 7) + b"</a>"

    assert len(parsed(whole).text) == LIMIT - 7
    refused(whole + b" ", "is larger than 256 KB")


def test_a_message_is_as_deep_as_64_elements() -> None:
    assert parsed("<a>" * 64 + "</a>" * 64).tag == "a"
    assert len(parsed("<a>" + "<b></b>" * 200 + "</a>")) == 200
    refused("<a>" * 65 + "</a>" * 65, "is nested deeper than 64 elements")
    refused("<a>" + "<b/>" * 99 + "<a>" * 64 + "</a>" * 64 + "</a>", "is nested deeper than 64 elements")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("<!DOCTYPE a><a/>", "has a DOCTYPE; none is allowed$"),
        ('<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x.dtd"><a/>', "has a DOCTYPE"),
        ("<a><![CDATA[<!ENTITY x>]]></a>", "has a DOCTYPE"),
        ("<!doctype a><a/>", "is not well-formed XML$"),
        ("<a>&x;</a>", "is not well-formed XML"),
        ("<a>", "is not well-formed XML"),
        ("", "is not well-formed XML"),
        ("<a/><b/>", "is not well-formed XML"),
        (b"<a>\x00</a>", "is not well-formed XML"),
        (b"<a>\xff</a>", "is not UTF-8 text$"),
        ("<a/>".encode("utf-16"), "is not UTF-8 text"),
        ("<!-- x --><a/>", "has comments or processing instructions; none are allowed$"),
        ("<a/><!-- x -->", "has comments"),
        ("<?x y?><a/>", "has comments"),
        ("<a/><?x y?>", "has comments"),
        ("<a>b<!-- x -->c</a>", "has comments"),
        ("<a><b><?x y?></b></a>", "has comments"),
    ],
)
def test_what_two_readers_could_take_differently_is_refused(content: str | bytes, sentence: str) -> None:
    refused(content, sentence)


def test_a_byte_order_mark_and_a_declaration_change_nothing() -> None:
    text = '<?xml version="1.0" encoding="ISO-8859-1"?><a>\u00e4</a>'

    assert parsed("\ufeff<a/>").tag == "a"
    assert parsed(text).text == "\u00e4", "what was looked at is what is read"


def test_characters_that_stand_for_others_are_resolved() -> None:
    assert parsed("<a>&lt;&amp;&#65;</a>").text == "<&A"


def test_white_space_between_elements_is_kept() -> None:
    assert parsed("<a>\n <b/>\n</a>").text == "\n "


# -- metadata that are trusted as a whole


def test_comments_are_taken_out_of_what_is_trusted_as_a_whole() -> None:
    assert xml.without_comments(b"<!-- x --><a>b<!-- x -->c</a><!-- y -->", what="thing") == b"<a>bc</a>"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"<a>", "is not well-formed XML"),
        (b"", "is not well-formed XML"),
        (b"<!DOCTYPE a><a/>", "has a DOCTYPE; none is allowed"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "has a DOCTYPE"),
    ],
)
def test_even_there_no_document_type_is_allowed(content: bytes, sentence: str) -> None:
    with pytest.raises(Invalid, match=f"^the thing {sentence}"):
        xml.without_comments(content, what="thing")


# -- canonical form


def test_canonical_form_is_exclusive_and_without_comments() -> None:
    root = etree.fromstring('<a xmlns:x="urn:x" xmlns:y="urn:y"><x:b c="1" a="2"/><!-- z --></a>')

    assert xml.canonical(root) == b'<a><x:b xmlns:x="urn:x" a="2" c="1"></x:b></a>'
    assert xml.canonical(root, ("y",)) == b'<a xmlns:y="urn:y"><x:b xmlns:x="urn:x" a="2" c="1"></x:b></a>'


def test_what_has_no_canonical_form_is_refused() -> None:
    """ "Void canonicalisation": a digest of nothing would be good for everything."""
    with pytest.raises(Invalid, match="cannot be brought into canonical form"):
        xml.canonical(etree.fromstring('<a xmlns="relative"/>'))


def test_a_document_is_sent_as_utf_8_without_a_declaration() -> None:
    assert xml.serialise(etree.fromstring("<a>\u00e4</a>")) == "<a>\u00e4</a>".encode()


# -- steps over what was read


def test_there_is_one_child_of_a_name_or_none_or_it_is_refused() -> None:
    root = parsed('<a xmlns="urn:x"><b>1</b><c/><c/><d xmlns="urn:y"/></a>')

    assert xml.text_of(xml.only(root, "urn:x", "b")) == "1"  # type: ignore[arg-type]
    assert xml.only(root, "urn:x", "d") is None
    with pytest.raises(Invalid, match="^a has more than one c$") as caught:
        xml.only(root, "urn:x", "c")
    assert caught.value.field == "c"


def test_a_child_is_put_together_of_what_there_is() -> None:
    root = etree.Element("a")

    made = xml.add(root, "urn:x", "b", "text & more", One="1", Two=None)

    assert made is root[0]
    assert (made.tag, made.text, dict(made.attrib)) == ("{urn:x}b", "text & more", {"One": "1"})
    with pytest.raises(ValueError):
        xml.add(root, "urn:x", "b", "\x00")


def test_the_text_of_an_element_is_all_that_it_holds() -> None:
    assert xml.text_of(parsed("<a> \t\r\n b c \n</a>")) == "b c"
    assert xml.text_of(parsed("<a/>")) == ""
    assert xml.text_of(parsed("<a>\u00a0b</a>")) == "\u00a0b", "other spaces are text"
    with pytest.raises(Invalid, match="^a must hold text only$") as caught:
        xml.text_of(parsed("<a>b<c/>d</a>"))
    assert caught.value.field == "a"


@pytest.mark.parametrize(("text", "value"), [("true", True), ("1", True), ("false", False), (" 0 ", False)])
def test_a_flag_is_true_or_false(text: str, value: bool) -> None:
    assert xml.flag(parsed(f'<a f="{text}"/>'), "f", default=not value) is value


def test_a_flag_that_is_not_there_has_its_default_and_nonsense_is_refused() -> None:
    assert xml.flag(parsed("<a/>"), "f") is False
    assert xml.flag(parsed("<a/>"), "f", default=True) is True
    for text in ("TRUE", "yes", "", "2", "\u00a0true"):
        with pytest.raises(Invalid, match="^f must be true or false$"):
            xml.flag(parsed(f'<a f="{text}"/>'), "f")


def test_a_moment_is_in_utc_or_refused_by_the_name_of_its_field() -> None:
    noon = parsed('<a Until="2027-03-01T12:00:00Z" Since="2027-03-01T12:00:00.250Z"/>')

    for read in (xml.moment, xml.needed_moment):
        assert read(noon, "Until") == datetime(2027, 3, 1, 12, tzinfo=UTC)
        assert read(noon, "Since") == datetime(2027, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
        for text in ("", "yesterday", "2027-03-01T12:00:00", "2027-03-01"):
            with pytest.raises(Invalid, match="^Until is not a date and time in UTC$") as caught:
                read(parsed(f'<a Until="{text}"/>'), "Until")
            assert caught.value.field == "Until"


def test_a_moment_that_is_not_there_is_none_or_refused() -> None:
    assert xml.moment(parsed("<a/>"), "Until") is None
    with pytest.raises(Invalid, match="^a must have Until, a date and time in UTC$") as caught:
        xml.needed_moment(parsed("<a/>"), "Until")
    assert caught.value.field == "Until"


def test_a_moment_is_written_in_whole_seconds() -> None:
    assert xml.instant(datetime(2027, 3, 1, 12, 5, 6, 999_999, tzinfo=UTC)) == "2027-03-01T12:05:06Z"


def test_names_are_told_without_their_namespace() -> None:
    assert xml.local_name(parsed('<x:a xmlns:x="urn:x"/>')) == "a"
    assert xml.name("urn:x", "a") == "{urn:x}a"
