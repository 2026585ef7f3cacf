"""Judges SAML Responses by pysaml2, in a venv of its own. In: one JSON object on standard input. Out: one, with `name_id` or `error`."""

import json
import sys

from saml2 import BINDING_HTTP_POST  # type: ignore[import-not-found]
from saml2.client import Saml2Client  # type: ignore[import-not-found]
from saml2.config import SPConfig  # type: ignore[import-not-found]


def main() -> None:
    asked = json.load(sys.stdin)
    endpoints = {"assertion_consumer_service": [(asked["acs"], BINDING_HTTP_POST)]}
    config = SPConfig().load(
        {
            "entityid": asked["entity_id"],
            "xmlsec_binary": asked["xmlsec1"],
            "metadata": {"inline": [asked["metadata"]]},
            "key_file": asked["key_file"],
            "cert_file": asked["cert_file"],
            "encryption_keypairs": [{"key_file": asked["key_file"], "cert_file": asked["cert_file"]}],
            "allow_unknown_attributes": True,
            "service": {
                "sp": {
                    "endpoints": endpoints,
                    "allow_unsolicited": True,
                    "want_response_signed": True,
                    "want_assertions_signed": True,
                }
            },
        }
    )
    try:
        found = Saml2Client(config).parse_authn_request_response(asked["response"], BINDING_HTTP_POST)
        answer = {"name_id": found.name_id.text, "attributes": found.ava}
    except Exception as problem:  # whatever it says is the answer
        answer = {"error": f"{type(problem).__name__}: {problem}"}
    print(json.dumps(answer))


main()
