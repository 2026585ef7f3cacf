"""Telling applications that an agent's sessions have ended: a signed LogoutRequest by SOAP (core 3.7, profiles 4.4)."""

from collections.abc import Sequence

from connector.core.errors import Invalid, Unavailable
from connector.core.http import Answer, HttpClient, HttpFailure
from connector.domain import apps, sessions
from connector.domain.sessions import Session
from connector.domain.unit import SYSTEM
from connector.edges.saml import names, service_provider, signature, soap, xml
from connector.edges.saml.idp import IdentityProvider
from connector.edges.saml.messages import logout_request
from connector.edges.saml.names import SAML, SAMLP
from connector.edges.saml.service_provider import Endpoint, ServiceProvider

_RETRY_SECONDS = 30.0

# What an application's status means for us. UnknownPrincipal: it has no session for that agent, which is what we want.
_ENDED = {
    names.SUCCESS: "Success",
    names.PARTIAL_LOGOUT: "PartialLogout",
    names.UNKNOWN_PRINCIPAL: "UnknownPrincipal",
}
# mod_auth_mellon says this of a session that it no longer has: asking again would get the same answer until it expires.
_DENIED = "it answered RequestDenied: it has no such session, or does not let us end it"


class LogoutSender:
    """The worker's hand for outbox rows `app:ENTITY_ID`."""

    def __init__(self, idp: IdentityProvider, http: HttpClient) -> None:
        self._idp = idp
        self._http = http

    def tell(self, agent_id: str, entity_id: str) -> None:
        """Tell one application that this agent's ended sessions are over; nothing to do where it knows already.

        Unavailable where it could not be told and trying again may help.
        """
        with self._idp.domain.view() as unit:
            app = apps.find(unit, entity_id)
            ended = sessions.to_tell(unit, agent_id, entity_id)
        if app is None or not ended:
            return
        provider = service_provider.parsed(app.metadata.encode())
        endpoint = provider.logout(names.BINDING_SOAP)
        if endpoint is None:
            with self._idp.domain.change(SYSTEM) as unit:
                reason = "its metadata has no SingleLogoutService for SOAP"
                sessions.not_reachable(unit, agent_id, entity_id, ended, reason)
            return
        for name_id in sorted({one.name_id for one in ended}):  # a request names one NameID, as it was issued
            part = [one for one in ended if one.name_id == name_id]
            outcome = self._send(provider, endpoint, name_id, part)
            with self._idp.domain.change(SYSTEM) as unit:
                if outcome == _DENIED:
                    sessions.not_reachable(unit, agent_id, entity_id, part, _DENIED)
                else:
                    sessions.told(unit, agent_id, entity_id, part, outcome)

    def _send(self, provider: ServiceProvider, endpoint: Endpoint, name_id: str, sessions: Sequence[Session]) -> str:
        id = self._idp.new_id()
        request = logout_request(
            id=id,
            moment=self._idp.domain.database.clock(),
            issuer=self._idp.entity_id,
            destination=endpoint.location,
            name_id=name_id,
            indexes=[one.session_index for one in sessions],
        )
        try:
            answer = self._http.send(
                "POST",
                endpoint.location,
                body=soap.envelope(self._idp.signer.sign(request)),
                headers={
                    "Content-Type": soap.CONTENT_TYPE,
                    "SOAPAction": '"http://www.oasis-open.org/committees/security"',
                },
            )
        except HttpFailure as problem:
            raise Unavailable(problem.detail, retry_after=_RETRY_SECONDS) from problem
        return _outcome(answer, provider, id)


def _outcome(answer: Answer, provider: ServiceProvider, request_id: str) -> str:
    """What the application says became of the sessions; Unavailable where asking again may get a better answer."""
    retry_after = answer.retry_after or _RETRY_SECONDS
    if answer.status != 200:
        raise Unavailable(f"the application answered the logout with HTTP {answer.status}", retry_after=retry_after)
    try:
        status = _status(answer.body, provider, request_id)
    except Invalid as problem:
        raise Unavailable(
            f"the application's LogoutResponse is unusable: {problem.detail}", retry_after=retry_after
        ) from problem
    for code in reversed(status):
        if code in _ENDED:
            return _ENDED[code]
    if names.REQUEST_DENIED in status:
        return _DENIED
    said = status[-1].rpartition(":")[2][:60] if status else "nothing"
    raise Unavailable(f"the application did not end the sessions: {said}", retry_after=retry_after)


def _status(body: bytes, provider: ServiceProvider, request_id: str) -> list[str]:
    """The status codes of the LogoutResponse to that request, outermost first. Where it is signed, it must verify.

    Unsigned, it is as good as the connection that we opened to the registered address (profiles 4.4.3.4).
    """
    response = soap.body_of(body)
    if signature.present(response):
        response = signature.verified(response, provider.signing_keys)
    if response.tag != xml.name(SAMLP, "LogoutResponse"):
        raise Invalid(f"a LogoutResponse is expected, not {xml.local_name(response)}")
    issuer = xml.only(response, SAML, "Issuer")
    if issuer is not None and xml.text_of(issuer) != provider.entity_id:
        raise Invalid("its Issuer is another one")
    if response.get("InResponseTo") != request_id:
        raise Invalid("it answers another request")
    status = xml.only(response, SAMLP, "Status")
    return [str(one.get("Value")) for one in status.iter(xml.name(SAMLP, "StatusCode"))] if status is not None else []
