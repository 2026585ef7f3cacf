"""The endpoint for pushed authorization requests (RFC 9126): the agent says beforehand, authenticated, what a person will be asked."""

from collections.abc import Callable, Mapping

import flask
import orjson
from werkzeug.datastructures import MultiDict

from connector.core.errors import BadProof, ConnectorError, Denied
from connector.domain import consents, pushed_requests
from connector.domain.arrival import Arrival
from connector.domain.events import Action
from connector.domain.proofs import Proofs
from connector.domain.unit import Domain
from connector.edges.oauth import authorization_request
from connector.edges.oauth.door import PREFIX, Door
from connector.edges.oauth.errors import OAuthError

_OF_THE_CLIENT = ("client_secret", "client_assertion", "client_assertion_type")  # its proof is no part of the request
_LONGEST = 8000  # characters; they need not come through an address


def blueprint(
    domain: Domain, *, base_url: str, door: Door, proofs: Proofs, limit: Callable[[str], None]
) -> flask.Blueprint:
    """`/oauth/par`. `limit` counts one request of that agent, or raises TooManyRequests: each is a row that waits for a person."""
    edge = flask.Blueprint("par", __name__)

    @edge.post(f"{PREFIX}/par")
    def par() -> flask.Response:
        arrival, shown, form = door.enter(flask.request)
        limit(arrival.caller.id)
        asked, refused = _parameters(arrival, form), None
        if shown.dpop:
            _bind(asked, proofs.confirmation(shown)["jkt"])
        with domain.change(arrival.caller) as unit:
            try:
                to = authorization_request.return_address(unit, asked, issuer=base_url)
                consents.check(unit, authorization_request.read(asked, to).asked, own=base_url)
            except ConnectorError as refusal:
                unit.record(Action.REQUEST_REFUSED, "agent", arrival.caller.id, why=refusal.detail)
                refused = refusal
            else:
                uri = pushed_requests.push(unit, arrival.caller.id, asked)
        if refused is not None:  # raised only now: the event of the refusal is committed
            raise refused
        life = round(pushed_requests.LIFE.total_seconds())
        headers = {"Cache-Control": "no-store", **({"DPoP-Nonce": proofs.nonce} if shown.dpop else {})}
        body = orjson.dumps({"request_uri": uri, "expires_in": life})
        return flask.Response(body, 201, headers, content_type="application/json")

    return edge


def _parameters(arrival: Arrival, form: Mapping[str, str]) -> MultiDict[str, str]:
    """What a person will be asked, for the agent that has authenticated."""
    caller = arrival.caller
    if caller.kind != "agent" or caller.person is not None:
        raise Denied("only an agent itself may ask a person")
    if "request_uri" in form:
        raise OAuthError("invalid_request", "request_uri cannot be pushed: send the parameters themselves")
    if form.get("client_id", caller.id) != caller.id:
        raise OAuthError("invalid_request", "client_id is not the agent that has authenticated")
    asked = MultiDict({name: value for name, value in form.items() if name not in _OF_THE_CLIENT})
    if sum(len(name) + len(value) for name, value in asked.items()) > _LONGEST:
        raise OAuthError("invalid_request", f"the parameters must have {_LONGEST} characters at most", status=413)
    asked["client_id"] = caller.id
    return asked


def _bind(asked: MultiDict[str, str], jkt: str) -> None:
    """The proof says which key the code is bound to (RFC 9449 section 10.1)."""
    if asked.setdefault("dpop_jkt", jkt) != jkt:
        raise BadProof("dpop_jkt is not the key of the DPoP proof")
