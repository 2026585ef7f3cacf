"""lxml and xmlsec each bundle libxml2, and must bundle the same one. Checked when we start, with the remedy in the message."""

from connector.core.errors import Misconfigured

_REMEDY = "install the pair as wheels: pip install --force-reinstall --only-binary :all: 'lxml>=6.0,<6.2' 'xmlsec>=1.3.16,<1.4'"


def check() -> None:
    """Misconfigured where the two libraries do not fit or cannot be loaded."""
    try:
        import xmlsec  # imported here: this import is the check
        from lxml import etree
    except Exception as problem:  # xmlsec raises its own InternalError, which cannot be imported when the import fails
        raise Misconfigured("lxml and xmlsec cannot be loaded together.", [f"{problem}", _REMEDY]) from problem
    if xmlsec.get_libxml_version()[:2] != etree.LIBXML_VERSION[:2]:
        versions = f"xmlsec uses libxml2 {xmlsec.get_libxml_version()}, lxml {etree.LIBXML_VERSION}"
        raise Misconfigured("lxml and xmlsec use different versions of libxml2.", [versions, _REMEDY])
