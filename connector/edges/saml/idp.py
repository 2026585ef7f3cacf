"""Us, as an identity provider, and the applications that are registered here."""

import base64
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from connector.core.errors import Invalid
from connector.domain import app_settings, apps
from connector.domain.app_settings import AppSettings
from connector.domain.sign_on import Facts
from connector.domain.unit import Domain, Unit
from connector.edges.saml import service_provider
from connector.edges.saml.attributes import Subject
from connector.edges.saml.bundles import Bundles
from connector.edges.saml.service_provider import ServiceProvider
from connector.edges.saml.signature import Signer, Signers

# Whose keys of the ring sign by which algorithm.
KEYS = {"rsa-sha256": "saml", "ecdsa-sha256": service_provider.KEY_OF_ECDSA}


@dataclass(frozen=True)
class IdentityProvider:
    """Us: who we are, where we are, what we sign with, where message ids come from. `scope` ends subject-ids."""

    domain: Domain
    entity_id: str
    base_url: str
    scope: str
    signers: Signers
    new_id: Callable[[], str]
    bundles: Bundles = field(default_factory=lambda: Bundles(()))

    @property
    def signer(self) -> Signer:
        return self.signers.current()

    def signer_for(self, settings: AppSettings) -> Signer:
        """What an application gets is signed by the algorithm that was chosen for it."""
        return self.signers.current(KEYS[settings.signature])

    def location(self, path: str) -> str:
        return self.base_url.rstrip("/") + "/saml/" + path

    def subject(self, facts: Facts, audience: str) -> Subject:
        """The subject of an assertion, as that application sees it."""
        return Subject(facts, self.scope, self.entity_id, lambda: self._pairwise(facts.id, audience))

    def _pairwise(self, id: str, audience: str) -> str:
        """Opaque, stable, and another one for each application (SAML subject identifier attributes 1.0, section 3.4).

        Lower case and digits: identifiers must not differ by case only.
        """
        secret = self.domain.keys.derive("saml pairwise-id")
        digest = hmac.digest(secret, f"{audience}\n{id}".encode(), "sha256")
        return base64.b32encode(digest[:20]).decode().lower()


@dataclass(frozen=True)
class Application:
    """A registered application: what its metadata says, and what the operator says."""

    provider: ServiceProvider
    settings: AppSettings


def application(idp: IdentityProvider, entity_id: str, *, field: str = "Issuer") -> Application:
    """The registered application of that entity id; Invalid, which names the field, where there is none."""
    with idp.domain.view() as unit:
        return application_in(unit, entity_id, field=field)


def application_in(unit: Unit, entity_id: str, *, field: str) -> Application:
    """The same, within a unit of work that is open already."""
    app = apps.find(unit, entity_id)
    if app is None:
        raise Invalid(f"the {field} is not an application that is registered here", field=field)
    return _application(app.metadata, app.settings)


@lru_cache(maxsize=1024)
def _application(metadata: str, settings: str) -> Application:
    """Remembered, as each request needs it."""
    return Application(service_provider.parsed(metadata.encode()), app_settings.from_json(settings))
