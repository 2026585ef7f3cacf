"""An enhanced client (ECP 2.0): what an agent needs to sign in to a SAML application without a browser.

It passes messages on byte for byte where they are signed, and never sends an assertion anywhere but to the address that
the application named to the agent itself.
"""

from dataclasses import dataclass

import requests
from lxml import etree

_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_NAMES = {
    "S": _SOAP,
    "paos": "urn:liberty:paos:2003-08",
    "ecp": "urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp",
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
}
_ASK = {
    "Accept": "text/html, application/vnd.paos+xml",
    "PAOS": f'ver="{_NAMES["paos"]}";"{_NAMES["ecp"]}"',
}
_PAOS_TYPE = "application/vnd.paos+xml"
_SECONDS = 15


class EcpError(Exception):
    """The sign-in was given up; the sentence says at which step."""


@dataclass(frozen=True)
class Wanted:
    """What the application asked: the message for the identity provider, and what the answer must fit."""

    message: bytes
    consumer_url: str
    message_id: str | None
    relay_state: bytes | None


def sign_in(session: requests.Session, url: str, idp_url: str, authorization: str) -> requests.Response:
    """Sign in at `url` through the identity provider's ECP endpoint; the page that the application shows then."""
    wanted = ask(session, url)
    answer = present(wanted, idp_url, authorization)
    return deliver(session, wanted, answer)


def ask(session: requests.Session, url: str) -> Wanted:
    """Steps 1 and 2: ask for a page, get an AuthnRequest."""
    answer = session.get(url, headers=_ASK, allow_redirects=False, timeout=_SECONDS)
    if not answer.headers.get("Content-Type", "").startswith(_PAOS_TYPE):
        raise EcpError(f"the application did not answer with PAOS, but with HTTP {answer.status_code}")
    envelope = etree.fromstring(answer.content)
    header, body = envelope.find("S:Header", _NAMES), envelope.find("S:Body", _NAMES)
    paos = envelope.find("S:Header/paos:Request", _NAMES)
    if header is None or body is None or paos is None:
        raise EcpError("the application's request has no paos:Request or no body")
    relay = header.find("ecp:RelayState", _NAMES)
    envelope.remove(header)  # all header blocks are for us; the Body stays as it was signed
    return Wanted(
        message=etree.tostring(envelope),
        consumer_url=paos.get("responseConsumerURL", ""),
        message_id=paos.get("messageID"),
        relay_state=None if relay is None else etree.tostring(relay, with_tail=False),
    )


def present(wanted: Wanted, idp_url: str, authorization: str) -> bytes:
    """Steps 3 and 4: let the identity provider answer."""
    headers = {"Authorization": authorization, "Content-Type": "text/xml; charset=utf-8"}
    answer = requests.post(idp_url, data=wanted.message, headers=headers, allow_redirects=False, timeout=_SECONDS)
    if answer.status_code != 200:
        raise EcpError(f"the identity provider answered with HTTP {answer.status_code}: {answer.text[:500]}")
    return answer.content


def deliver(session: requests.Session, wanted: Wanted, answer: bytes) -> requests.Response:
    """Steps 5 and 6: compare the addresses, and bring the answer to the application."""
    envelope = etree.fromstring(answer)
    header, response = envelope.find("S:Header", _NAMES), envelope.find("S:Header/ecp:Response", _NAMES)
    if header is None or response is None:
        raise EcpError("the identity provider's answer has no ecp:Response")
    if response.get("AssertionConsumerServiceURL") != wanted.consumer_url:
        session.post(wanted.consumer_url, data=_FAULT, headers={"Content-Type": _PAOS_TYPE}, timeout=_SECONDS)
        raise EcpError("the application wants the answer elsewhere than its metadata says")
    for block in list(header):
        header.remove(block)
    header.append(_paos_response(wanted))
    if wanted.relay_state is not None:
        header.append(etree.fromstring(wanted.relay_state))
    content = etree.tostring(envelope)
    return session.post(wanted.consumer_url, data=content, headers={"Content-Type": _PAOS_TYPE}, timeout=_SECONDS)


def _paos_response(wanted: Wanted) -> etree._Element:
    block = etree.Element(f"{{{_NAMES['paos']}}}Response", nsmap={"paos": _NAMES["paos"], "S": _SOAP})
    block.set(f"{{{_SOAP}}}mustUnderstand", "1")
    block.set(f"{{{_SOAP}}}actor", "http://schemas.xmlsoap.org/soap/actor/next")
    if wanted.message_id is not None:
        block.set("refToMessageID", wanted.message_id)
    return block


_FAULT = (
    f'<S:Envelope xmlns:S="{_SOAP}"><S:Body><S:Fault><faultcode>S:Server</faultcode>'
    "<faultstring>responseConsumerURL is not the address in the metadata</faultstring></S:Fault></S:Body></S:Envelope>"
).encode()
