"""The composition root of the web: builds the edges on the parts of a deployment, and puts them together."""

import time
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

from flask import Flask, request

from connector.core import challenges, native
from connector.core.http import HttpClient
from connector.core.jose import Signer
from connector.core.rate import Limiter
from connector.domain.proofs import Proofs, Shown
from connector.domain.tokens import Tokens
from connector.domain.unit import Unit
from connector.edges.console import blueprint as console
from connector.edges.console import pages
from connector.edges.console.session import Sessions
from connector.edges.oauth import authorize, manage, par
from connector.edges.oauth import blueprint as oauth
from connector.edges.oauth.agent_door import AgentDoor
from connector.edges.oauth.attempts import Attempts
from connector.edges.oauth.certificates import Certificates
from connector.edges.oauth.door import PREFIX, Door
from connector.edges.oauth.federation import Federation
from connector.edges.oauth.foreign_tokens import ForeignTokens
from connector.edges.oauth.grants import Grants
from connector.edges.ops import blueprint as ops
from connector.edges.saml import bearer, expiry
from connector.edges.saml import blueprint as saml
from connector.edges.saml.sp import blueprint as saml_sp
from connector.edges.scim.asked import MAX_BODY
from connector.edges.scim.wsgi import ScimEdge
from connector.front import Front
from connector.parts import Parts


def create_app(parts: Parts) -> Flask:
    """The WSGI application with every edge. Misconfigured where the XML libraries do not fit together."""
    native.check()
    settings, domain = parts.settings, parts.domain
    signer = Signer(domain.keys)
    proofs = Proofs(domain, nonces=settings.dpop_nonce)
    tokens = Tokens(domain, signer, issuer=settings.url, proofs=proofs, depth=settings.delegation_depth)
    certificates = Certificates(settings.proxies, parts.client_anchors, domain.database.clock)

    federation = Federation(domain, lambda: HttpClient(connect_timeout=2, read_timeout=3))
    attempts = Attempts(time.monotonic, limit=settings.auth_failures, seconds=settings.auth_failure_seconds)
    door = Door(domain, base_url=settings.url, federation=federation, attempts=attempts, certificates=certificates)

    foreign = ForeignTokens(domain, tokens, federation)
    starts, forged = Limiter(time.monotonic), Limiter(time.monotonic)

    own_assertions = bearer.verifier(
        domain,
        entity_id=settings.saml_entity_id,
        audience=settings.url,
        recipient=f"{settings.url}{PREFIX}/token",
    )

    idp = saml.identity_provider(
        domain, base_url=settings.url, entity_id=settings.saml_entity_id, mapping_folders=parts.mapping_folders
    )

    def shown() -> Shown:
        return door.shown(request)

    sessions = Sessions(
        domain,
        secure=settings.url.startswith("https://"),
        life=timedelta(hours=settings.session_hours),
        idle=timedelta(minutes=settings.session_idle_minutes),
    )

    def challenge(text: str) -> str:
        return challenges.with_metadata(text, f"{settings.url}/.well-known/oauth-protected-resource")

    app = Flask("connector", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.url_map.strict_slashes = False
    app.register_blueprint(
        oauth.blueprint(
            domain,
            base_url=settings.url,
            tokens=tokens,
            signer=signer,
            grants=Grants(
                tokens,
                signer,
                issuer=settings.url,
                id_jag=settings.id_jag,
                saml=own_assertions,
                assertions=saml.assertions(idp),
            ),
            federation=federation,
            door=door,
            proofs=proofs,
            only_pushed=settings.require_pushed_requests,
        )
    )
    app.register_blueprint(
        par.blueprint(
            domain,
            base_url=settings.url,
            door=door,
            proofs=proofs,
            limit=lambda agent: starts.take(agent, settings.sign_in_starts, 60),
        )
    )
    app.register_blueprint(
        saml.blueprint(
            idp,
            authenticate=AgentDoor(door, tokens).arrive,
            certificate=lambda asked: (
                certificate.certificate if (certificate := door.shown_certificate(asked)) else None
            ),
            decide=tokens.sign_on_for,
        )
    )
    app.register_blueprint(
        manage.blueprint(
            domain,
            authenticate=lambda header: tokens.caller(header, shown),
            trust_domain=urlsplit(settings.url).hostname or "localhost",
            certificate_life=timedelta(hours=settings.certificate_hours),
        )
    )

    def endings(unit: Unit) -> Iterator[tuple[str, str, float]]:
        return ((one.holder, one.what, one.ends.timestamp()) for one in expiry.endings(domain, unit))

    app.register_blueprint(
        saml_sp.blueprint(
            domain,
            base_url=settings.url,
            door=sessions,
            pages=pages,
            new_id=saml.message_id,
            limit=lambda: starts.take(request.remote_addr or "", settings.sign_in_starts, 60),
            limit_forged=lambda: forged.take(
                request.remote_addr or "", settings.auth_failures, settings.auth_failure_seconds
            ),
        )
    )
    app.register_blueprint(
        authorize.blueprint(
            domain,
            base_url=settings.url,
            sessions=sessions,
            pages=pages,
            only_pushed=settings.require_pushed_requests,
        )
    )
    app.register_blueprint(console.blueprint(domain, base_url=settings.url, sessions=sessions))
    app.register_blueprint(ops.blueprint(domain, check_schema=domain.database.check_schema, endings=endings))
    scim = ScimEdge(
        domain,
        base_url=settings.url,
        authenticate=lambda header, asked: foreign.caller(header, lambda: door.shown(asked())),
        challenge=challenge,
        catalogue=parts.catalogue,
    )
    Front(app, scim, challenge)
    return app
