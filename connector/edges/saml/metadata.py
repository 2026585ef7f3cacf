"""Our own metadata, as service providers read it (metadata section 2.4.3): keys, addresses, attributes. Signed."""

from datetime import timedelta

from lxml import etree

from connector.core.keys import SigningKey
from connector.domain.app_settings import AppSettings
from connector.edges.saml import names, xml
from connector.edges.saml.artifact import ENDPOINT_INDEX
from connector.edges.saml.idp import KEYS, IdentityProvider
from connector.edges.saml.names import ALG, DS, MD, MDATTR, MDUI, SAML, SAMLP, SHIBMD
from connector.edges.saml.signature import ECDSA_SHA256, RSA_SHA256, SHA256, certificate_text
from connector.edges.saml.xml import Element

_VALID = timedelta(days=14)
_CACHED = "PT6H"  # a new key must be published for longer than this before it signs
_DEFAULT_BUNDLE = AppSettings().attributes
_DISPLAY_NAME = "Agent IdP Connector"
_DESCRIPTION = "Signs in AI agents, not people"
_CATEGORY = "http://macedir.org/entity-category"  # where federations look for what kind of entity this is (RFC 8409)
_OF_AGENTS = "urn:agentidp:entity-category:agents"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


def render(idp: IdentityProvider) -> bytes:
    """The signed EntityDescriptor."""
    root = etree.Element(
        xml.name(MD, "EntityDescriptor"),
        nsmap={"md": MD, "ds": DS, "saml": SAML, "shibmd": SHIBMD, "mdui": MDUI, "mdattr": MDATTR, "alg": ALG},
    )
    for key, value in (
        ("entityID", idp.entity_id),
        ("ID", idp.new_id()),
        ("validUntil", xml.instant(idp.domain.database.clock() + _VALID)),
        ("cacheDuration", _CACHED),
    ):
        root.set(key, value)
    _about_us(root, idp)
    _role(root, idp)
    return idp.signer.sign(xml.canonical(root).decode()).encode()


def _about_us(root: Element, idp: IdentityProvider) -> None:
    """What kind of entity this is (metadata extension for entity attributes), and what we sign with (algorithm support 1.0)."""
    extensions = xml.add(root, MD, "Extensions")
    attributes = xml.add(extensions, MDATTR, "EntityAttributes")
    kind = xml.add(attributes, SAML, "Attribute", Name=_CATEGORY, NameFormat=names.ATTRIBUTE_URI)
    xml.add(kind, SAML, "AttributeValue", _OF_AGENTS)
    xml.add(extensions, ALG, "DigestMethod", Algorithm=SHA256)
    for purpose, algorithm in ((KEYS["rsa-sha256"], RSA_SHA256), (KEYS["ecdsa-sha256"], ECDSA_SHA256)):
        if idp.domain.keys.all(purpose):
            xml.add(extensions, ALG, "SigningMethod", Algorithm=algorithm)


def _role(root: Element, idp: IdentityProvider) -> None:
    """The order of the children is the schema's."""
    role = xml.add(root, MD, "IDPSSODescriptor", protocolSupportEnumeration=SAMLP)
    extensions = xml.add(role, MD, "Extensions")
    # without its scope here, Shibboleth drops the subject-id
    xml.add(extensions, SHIBMD, "Scope", idp.scope, regexp="false")
    shown = xml.add(extensions, MDUI, "UIInfo")
    for local, text in (
        ("DisplayName", _DISPLAY_NAME),
        ("Description", _DESCRIPTION),
        ("InformationURL", idp.base_url + "/"),
    ):
        xml.add(shown, MDUI, local, text).set(_LANGUAGE, "en")
    for key in _keys(idp):
        descriptor = xml.add(role, MD, "KeyDescriptor", use="signing")
        data = xml.add(xml.add(descriptor, DS, "KeyInfo"), DS, "X509Data")
        xml.add(data, DS, "X509Certificate", certificate_text(key))
    place = xml.add(
        role, MD, "ArtifactResolutionService", Binding=names.BINDING_SOAP, Location=idp.location("artifact")
    )
    place.set("index", str(ENDPOINT_INDEX))
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


def _keys(idp: IdentityProvider) -> list[SigningKey]:
    """The one that signs first; behind it the next until all have read of it, and the old ones until they are retired."""
    found = []
    for purpose in KEYS.values():
        if every := idp.domain.keys.all(purpose):
            active = idp.domain.keys.active(purpose)
            found += [active, *(key for key in every if key.id != active.id)]
    return found
