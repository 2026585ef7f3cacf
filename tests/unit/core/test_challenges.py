"""What a refused caller is told in headers: each challenge in the form of its RFC."""

import pytest

from connector.core.challenges import headers_of
from connector.core.errors import BadProof, Denied, StepUpRequired, Unauthenticated
from connector.edges.scim.errors import render

REFUSALS = [
    (Unauthenticated("who?"), {"WWW-Authenticate": 'Bearer realm="r"'}),
    (Denied("no"), {}),
    (Denied("no", scope="scim"), {"WWW-Authenticate": 'Bearer realm="r", error="insufficient_scope", scope="scim"'}),
    (
        BadProof("a nonce, please", code="use_dpop_nonce", nonce="n1"),
        {
            "WWW-Authenticate": 'DPoP error="use_dpop_nonce", error_description="a nonce, please"',
            "DPoP-Nonce": "n1",
        },
    ),
    (
        StepUpRequired("stronger", acr_values=("phr", "phrh"), max_age=60),
        {
            "WWW-Authenticate": 'Bearer realm="r", error="insufficient_user_authentication", '
            'error_description="stronger", acr_values="phr phrh", max_age="60"'
        },
    ),
]


@pytest.mark.parametrize(("refusal", "headers"), REFUSALS, ids=lambda value: type(value).__name__)
def test_each_refusal_has_its_challenge(refusal, headers):
    """RFC 6750 section 3, RFC 9449 sections 7.1 and 9, RFC 9470 section 3."""
    assert headers_of(refusal, realm="r") == headers


def test_a_description_cannot_break_out_of_its_quotes():
    """RFC 6750 section 3: error_description holds no quote, backslash or control character."""
    told = headers_of(BadProof('a" b\\c\r\nX: y é'), realm="r")["WWW-Authenticate"]
    assert told == 'DPoP error="invalid_dpop_proof", error_description="a bcX: y "'


def test_scim_answers_a_step_up_with_401():
    """RFC 9470 section 3: 401, in the protocol's own form."""
    body, status, headers = render(StepUpRequired("stronger", max_age=0))
    assert (body["status"], status) == ("401", 401)
    assert 'max_age="0"' in headers["WWW-Authenticate"]
