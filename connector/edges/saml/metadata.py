"""Our own metadata, as service providers read it (metadata section 2.4.3): keys, addresses, attributes. Signed."""

from datetime import timedelta

from lxml import etree

from connector.domain.app_settings import AppSettings
from connector.edges.saml import names, xml
from connector.edges.saml.idp import IdentityProvider
from connector.edges.saml.names import DS, MD, MDUI, SAML, SAMLP, SHIBMD
from connector.edges.saml.signature import certificate_text
from connector.edges.saml.xml import Element

_VALID = timedelta(days=14)
_CACHED = "PT6H"  # a new key must be published for longer than this before it signs
_DEFAULT_BUNDLE = AppSettings().attributes
_DISPLAY_NAME = "Agent IdP Connector"


def render(idp: IdentityProvider) -> bytes:
    """The signed EntityDescriptor."""
    root = etree.Element(
        xml.name(MD, "EntityDescriptor"),
        nsmap={"md": MD, "ds": DS, "saml": SAML, "shibmd": SHIBMD, "mdui": MDUI},
    )
    for key, value in (
        ("entityID", idp.entity_id),
        ("ID", idp.new_id()),
        ("validUntil", xml.instant(idp.domain.database.clock() + _VALID)),
        ("cacheDuration", _CACHED),
    ):
        root.set(key, value)
    _role(root, idp)
    idp.signer.sign(root)
    return xml.serialise(root)


def _role(root: Element, idp: IdentityProvider) -> None:
    """The order of the children is the schema's."""
    role = xml.add(root, MD, "IDPSSODescriptor", protocolSupportEnumeration=SAMLP)
    extensions = xml.add(role, MD, "Extensions")
    # without its scope here, Shibboleth drops the subject-id
    xml.add(extensions, SHIBMD, "Scope", idp.scope, regexp="false")
    label = xml.add(xml.add(extensions, MDUI, "UIInfo"), MDUI, "DisplayName", _DISPLAY_NAME)
    label.set("{http://www.w3.org/XML/1998/namespace}lang", "en")
    active = idp.domain.keys.active("saml")
    others = [key for key in idp.domain.keys.all("saml") if key.id != active.id]
    for key in [active, *others]:  # the next one until all have read of it, and the old ones until they are retired
        descriptor = xml.add(role, MD, "KeyDescriptor", use="signing")
        data = xml.add(xml.add(descriptor, DS, "KeyInfo"), DS, "X509Data")
        xml.add(data, DS, "X509Certificate", certificate_text(key))
    xml.add(role, MD, "SingleLogoutService", Binding=names.BINDING_SOAP, Location=idp.location("slo"))
    for format in (names.PERSISTENT, names.TRANSIENT, names.EMAIL, names.UNSPECIFIED):
        xml.add(role, MD, "NameIDFormat", format)
    for binding, path in (
        (names.BINDING_REDIRECT, "sso"),
        (names.BINDING_POST, "sso"),
        (names.BINDING_SOAP, "ecp"),
    ):
        xml.add(role, MD, "SingleSignOnService", Binding=binding, Location=idp.location(path))
    for one in idp.bundles.get(_DEFAULT_BUNDLE):
        format, friendly = one.name_format, one.friendly
        xml.add(role, SAML, "Attribute", Name=one.name, NameFormat=format, FriendlyName=friendly)
