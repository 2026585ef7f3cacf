"""A workforce IdP as its metadata describes it (SAML metadata sections 2.3.2 and 2.4.3)."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from connector.core.errors import Invalid
from connector.edges.saml import xml
from connector.edges.saml.names import BINDING_REDIRECT, MD
from connector.edges.saml.service_provider import Endpoint, certificates, endpoint, role_of, valid_until
from connector.edges.saml.signature import PublicKey, usable_key


@dataclass(frozen=True)
class IdentityProvider:
    """What we need to know of it. `certificates` (DER) are those of `keys`: each may sign (IIP-MD07)."""

    entity_id: str
    sign_on: str
    logouts: tuple[Endpoint, ...]
    keys: tuple[PublicKey, ...]
    certificates: tuple[bytes, ...]
    valid_until: datetime | None

    def logout(self, binding: str) -> Endpoint | None:
        return next((one for one in self.logouts if one.binding == binding), None)


@lru_cache(maxsize=64)
def parsed(metadata: bytes) -> IdentityProvider:
    """The IdP in an EntityDescriptor, whatever the time: whoever uses it looks at `valid_until`. Invalid names what it lacks."""
    root = xml.parse(metadata, what="metadata")
    role = role_of(root, "IDPSSODescriptor", "an identity provider's")
    services = [endpoint(one) for one in role.findall(xml.name(MD, "SingleSignOnService"))]
    sign_on = next((one.location for one in services if one.binding == BINDING_REDIRECT), None)
    if sign_on is None:
        raise Invalid(
            "IDPSSODescriptor has no SingleSignOnService with binding HTTP-Redirect", field="SingleSignOnService"
        )
    descriptors = role.findall(xml.name(MD, "KeyDescriptor"))
    found = [one for descriptor in descriptors for one in certificates(descriptor, "signing")]
    pairs = [(key, der) for der, key in found if usable_key(key)]
    if not pairs:
        raise Invalid(
            "IDPSSODescriptor has no X509Certificate to sign with of RSA with 2048 bits or more, or of EC",
            field="KeyDescriptor",
        )
    return IdentityProvider(
        entity_id=root.get("entityID", ""),
        sign_on=sign_on,
        logouts=tuple(endpoint(one) for one in role.findall(xml.name(MD, "SingleLogoutService"))),
        keys=tuple(key for key, _ in pairs),
        certificates=tuple(der for _, der in pairs),
        valid_until=valid_until(root, role),
    )
