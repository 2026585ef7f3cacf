"""Web browser SSO profile, the identity provider's part (profiles section 4.1), for an agent that walks it by itself.

The request comes by Redirect or POST with the agent's credentials in the Authorization header; the answer is a form.
"""

import base64
from dataclasses import dataclass
from html import escape

from connector.core.errors import Invalid
from connector.edges.saml import artifact, post_form, redirect, signature, xml
from connector.edges.saml.idp import IdentityProvider
from connector.edges.saml.issue import Issued, issue
from connector.edges.saml.names import BINDING_ARTIFACT, BINDING_POST
from connector.edges.saml.request import Message
from connector.edges.saml.visitor import Visitor

MAX_RELAY_STATE = 4096  # bindings section 3.4.3 says 80 bytes; service providers put whole addresses there


@dataclass(frozen=True)
class Post:
    """The fields of a form that came to us; None where a field was missing."""

    saml_request: str | None
    relay_state: str | None


def by_redirect(idp: IdentityProvider, visitor: Visitor, raw_query: bytes) -> str:
    """The page that answers a request in a query string."""
    query = redirect.read(raw_query)
    return _page(
        idp,
        visitor,
        Message(
            element=xml.parse(query.message, what="SAMLRequest"),
            way="redirect",
            endpoint=idp.location("sso"),
            consumer_bindings=(BINDING_POST, BINDING_ARTIFACT),
            context=visitor.context,
            relay_state=query.relay_state,
            detached=query.signature,
        ),
    )


def by_post(idp: IdentityProvider, visitor: Visitor, form: Post) -> str:
    """The page that answers a request in a form (bindings section 3.5.4: base64, not compressed)."""
    if form.saml_request is None:
        raise Invalid("the form has no SAMLRequest", field="SAMLRequest")
    content = signature.octets_of(form.saml_request, "SAMLRequest")
    return _page(
        idp,
        visitor,
        Message(
            element=xml.parse(content, what="SAMLRequest"),
            way="post",
            endpoint=idp.location("sso"),
            consumer_bindings=(BINDING_POST, BINDING_ARTIFACT),
            context=visitor.context,
            relay_state=form.relay_state,
        ),
    )


def _page(idp: IdentityProvider, visitor: Visitor, message: Message) -> str:
    check_relay_state(message.relay_state)  # before anything is granted
    return form(idp, issue(idp, visitor, message), message.relay_state)


def check_relay_state(relay_state: str | None) -> None:
    if len((relay_state or "").encode()) > MAX_RELAY_STATE:
        raise Invalid(f"RelayState is longer than {MAX_RELAY_STATE} bytes", field="RelayState")


def form(idp: IdentityProvider, issued: Issued, relay_state: str | None) -> str:
    """The page that brings a Response to the application (bindings section 3.5.4), or the artifact for it (3.6.3.1)."""
    fields = fields_of(idp, issued)
    if relay_state is not None:
        fields["RelayState"] = relay_state
    return post_form.page(issued.consumer_url, fields, title="Signing in")


def fields_of(idp: IdentityProvider, issued: Issued) -> dict[str, str]:
    """What is posted to the application: the Response itself, or what it fetches the Response by."""
    if issued.consumer.binding == BINDING_ARTIFACT:
        return {"SAMLart": artifact.keep(idp, issued)}
    return {"SAMLResponse": base64.b64encode(issued.response.encode()).decode()}


def problem_page(detail: str) -> str:
    """A page for a refusal that can be sent nowhere. It repeats nothing of the request."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Not signed in</title></head><body>'
        f"<h1>Not signed in</h1><p>{escape(detail)}</p></body></html>"
    )
