"""The one XML parser of this edge, hardened, and small steps over what it returns.

Both sides of a signature must see the same document, so there is no second parser, and whatever two readers could take
differently (a DTD, entities, comments, processing instructions, another encoding) is refused rather than handled.
"""

from datetime import datetime

from lxml import etree

from connector.core.clock import from_text
from connector.core.errors import Invalid

Element = etree._Element  # lxml has no public name for it

_MAX_BYTES = 256 * 1024
_MAX_DEPTH = 64
_SPACES = " \t\r\n"


def parse(content: bytes, *, what: str) -> Element:
    """The root element of a message. `what` names it in the sentence of the Invalid that refuses it."""
    if len(content) > _MAX_BYTES:
        raise Invalid(f"the {what} is larger than {_MAX_BYTES // 1024} KB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise Invalid(f"the {what} is not UTF-8 text") from problem
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise Invalid(f"the {what} has a DOCTYPE; none is allowed")  # IIP-G03; before anything could be expanded
    parser = etree.XMLParser(
        encoding="utf-8",  # a declaration that says otherwise must not give a second reading of what was checked above
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_blank_text=False,
    )
    try:
        root = etree.fromstring(text.encode(), parser)
    except (etree.XMLSyntaxError, ValueError) as problem:
        raise Invalid(f"the {what} is not well-formed XML") from problem
    _refuse_extras(root, what)
    return root


def without_comments(content: bytes, *, what: str) -> bytes:
    """A document that is trusted as a whole, such as metadata that an operator gives, without comments: makers put some there."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as problem:
        raise Invalid(f"the {what} is not well-formed XML") from problem
    if root.getroottree().docinfo.internalDTD is not None:
        raise Invalid(f"the {what} has a DOCTYPE; none is allowed")
    return serialise(root)


def _refuse_extras(root: Element, what: str) -> None:
    if root.getroottree().docinfo.internalDTD is not None:
        raise Invalid(f"the {what} has a DOCTYPE; none is allowed")
    beside = (root.getprevious(), root.getnext())  # lxml keeps comments around the root as its siblings
    if (
        any(one is not None for one in beside)
        or next(root.iter(etree.Comment, etree.PI, etree.Entity), None) is not None
    ):
        raise Invalid(f"the {what} has comments, processing instructions or entities; none are allowed")
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > _MAX_DEPTH:
            raise Invalid(f"the {what} is nested deeper than {_MAX_DEPTH} elements")


def canonical(element: Element, prefixes: tuple[str, ...] = ()) -> bytes:
    """Exclusive XML Canonicalization 1.0 without comments; Invalid where there is none (relative namespaces)."""
    try:
        form = etree.tostring(
            element, method="c14n", exclusive=True, with_comments=False, inclusive_ns_prefixes=list(prefixes) or None
        )
    except (etree.LxmlError, ValueError) as problem:
        raise Invalid("the message cannot be brought into canonical form") from problem
    if not form:
        raise Invalid("the message has an empty canonical form")  # "void canonicalisation": a digest of nothing
    return form


def serialise(element: Element) -> bytes:
    """The document as it is sent."""
    return etree.tostring(element, encoding="UTF-8", xml_declaration=False)


def name(namespace: str, local: str) -> str:
    return f"{{{namespace}}}{local}"


def add(parent: Element, namespace: str, local: str, text: str | None = None, **attributes: str | None) -> Element:
    """Append a child; attributes that are None are left out. lxml escapes, and refuses control characters."""
    child = etree.SubElement(parent, name(namespace, local))
    child.text = text
    for key, value in attributes.items():
        if value is not None:
            child.set(key, value)
    return child


def only(parent: Element, namespace: str, local: str) -> Element | None:
    """The one child of that name; None where there is none, Invalid where there are several."""
    found = parent.findall(name(namespace, local))
    if len(found) > 1:
        raise Invalid(f"{local_name(parent)} has more than one {local}", field=local)
    return found[0] if found else None


def local_name(element: Element) -> str:
    return etree.QName(element).localname


def text_of(element: Element) -> str:
    """The text of an element that holds nothing else."""
    if len(element):
        raise Invalid(f"{local_name(element)} must hold text only", field=local_name(element))
    return (element.text or "").strip(_SPACES)


def flag(element: Element, attribute: str, *, default: bool = False) -> bool:
    """An xs:boolean attribute."""
    value = element.get(attribute)
    if value is None:
        return default
    if value.strip(_SPACES) not in ("true", "false", "1", "0"):
        raise Invalid(f"{attribute} must be true or false", field=attribute)
    return value.strip(_SPACES) in ("true", "1")


def moment(text: str, *, field: str) -> datetime:
    """An xs:dateTime; SAML core section 1.3.3 wants UTC."""
    try:
        return from_text(text)
    except ValueError as problem:
        raise Invalid(f"{field} is not a date and time in UTC", field=field) from problem


def instant(moment: datetime) -> str:
    """An xs:dateTime as we write it: whole seconds, which every peer reads."""
    return moment.isoformat()[:19] + "Z"  # three of them are in every assertion, and strftime takes ten times as long
