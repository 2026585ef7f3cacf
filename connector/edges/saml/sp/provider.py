"""Us as a service provider for people: who we are, where we are, what we sign with; and whom we believe."""

from collections.abc import Callable
from dataclasses import dataclass

from connector.core.keys import SigningKey
from connector.domain import workforce
from connector.domain.unit import Domain
from connector.domain.vouched import Code
from connector.domain.workforce import WorkforceIdp
from connector.edges.saml.signature import Signer, Signers
from connector.edges.saml.sp import identity_provider
from connector.edges.saml.sp.identity_provider import IdentityProvider
from connector.edges.saml.sp.refusal import NotAccepted, refusing


@dataclass(frozen=True)
class Sp:
    """Our entity id is the address of our metadata."""

    domain: Domain
    base_url: str
    signers: Signers
    new_id: Callable[[], str]

    @property
    def entity_id(self) -> str:
        return self.location("sp/metadata")

    @property
    def acs(self) -> str:
        return self.location("acs")

    @property
    def slo(self) -> str:
        return self.location("sp/slo")

    @property
    def signer(self) -> Signer:
        return self.signers.current()

    @property
    def keys(self) -> list[SigningKey]:
        """Every key that others may have encrypted to."""
        self.domain.keys.refresh()
        return self.domain.keys.all("sp")

    def location(self, path: str) -> str:
        return f"{self.base_url.rstrip('/')}/saml/{path}"


def trusted(sp: Sp, entity_id: str) -> WorkforceIdp:
    """The workforce IdP of that entity id, on or off. NotAccepted where there is none."""
    with sp.domain.view() as unit:
        found = workforce.find(unit, entity_id)
    if found is None:
        raise NotAccepted(Code.UNKNOWN_IDP, "the Issuer is no workforce IdP that was added here")
    return found


def described(idp: WorkforceIdp) -> IdentityProvider:
    """What its metadata say, where it is on."""
    if not idp.active:
        raise NotAccepted(Code.IDP_DISABLED, "this workforce IdP is switched off")
    with refusing(Code.IDP_EXPIRED):
        return identity_provider.parsed(idp.metadata.encode())
