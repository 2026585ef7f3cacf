"""Signing in to a SAML application without a browser: an enhanced client (ECP 2.0), for agents and scripts.

It passes messages on as they were signed, and sends an assertion nowhere but to the address that the application named
to the agent itself and that the identity provider has from the application's metadata: the two must be equal.
"""

from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

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
_TIMEOUT = (5.0, 20.0)
_FAULT = (
    f'<S:Envelope xmlns:S="{_SOAP}"><S:Body><S:Fault><faultcode>S:Server</faultcode>'
    "<faultstring>responseConsumerURL is not the address in the metadata</faultstring></S:Fault></S:Body></S:Envelope>"
).encode()


class SignInFailed(Exception):
    """The sign-in was given up; the sentence says at which step."""


@dataclass(frozen=True)
class Wanted:
    """What the application asked: the message for the identity provider, and what the answer must fit."""

    message: bytes = field(repr=False)
    consumer_url: str
    message_id: str | None
    relay_state: bytes | None


def login(url: str, idp: requests.Session, idp_url: str) -> requests.Session:
    """A session that is signed in at the application of that page: `sign_in` for whoever wants nothing but that.

    SignInFailed also where somebody cannot be reached, or the page is refused after all.
    """
    browser = requests.Session()
    try:
        page = sign_in(browser, url, idp, idp_url)
    except requests.RequestException as problem:
        raise SignInFailed(f"there was no answer: {problem}") from problem
    if page.status_code >= 400:
        raise SignInFailed(f"the application answered with HTTP {page.status_code}")
    return browser


def sign_in(browser: requests.Session, url: str, idp: requests.Session, idp_url: str) -> requests.Response:
    """Sign in at `url` through the identity provider's ECP address; the page that the application shows then.

    `browser` keeps the application's cookies. `idp` proves the agent, as `AgentClient.session()` does; the application
    never sees what it sends. SignInFailed where the identity provider refuses, or something does not fit.
    """
    wanted = ask(browser, url)
    answer = present(idp, idp_url, wanted)
    _insist_on_success(answer)
    return deliver(browser, wanted, answer)


def ask(browser: requests.Session, url: str) -> Wanted:
    """Steps 1 and 2: ask for a page, get an AuthnRequest."""
    answer = browser.get(url, headers=_ASK, allow_redirects=False, timeout=_TIMEOUT)
    if not answer.headers.get("Content-Type", "").startswith(_PAOS_TYPE):
        raise SignInFailed(f"the application did not answer with PAOS, but with HTTP {answer.status_code}")
    envelope = _parsed(answer.content, "the application's request")
    header, body = envelope.find("S:Header", _NAMES), envelope.find("S:Body", _NAMES)
    paos = envelope.find("S:Header/paos:Request", _NAMES)
    if header is None or body is None or paos is None:
        raise SignInFailed("the application's request has no paos:Request or no body")
    relay = header.find("ecp:RelayState", _NAMES)
    envelope.remove(header)  # all header blocks are for us; the Body stays as it was signed
    return Wanted(
        message=etree.tostring(envelope),
        consumer_url=_consumer(paos.get("responseConsumerURL", ""), url),
        message_id=paos.get("messageID"),
        relay_state=None if relay is None else etree.tostring(relay, with_tail=False),
    )


def _consumer(consumer_url: str, url: str) -> str:
    """An assertion must not travel in the open where the page itself does not."""
    allowed = ("https",) if urlsplit(url).scheme == "https" else ("https", "http")
    if urlsplit(consumer_url).scheme not in allowed:
        raise SignInFailed(f"the application wants the answer at an address that is not {' or '.join(allowed)}")
    return consumer_url


def present(idp: requests.Session, idp_url: str, wanted: Wanted) -> bytes:
    """Steps 3 and 4: let the identity provider answer."""
    headers = {"Content-Type": "text/xml; charset=utf-8"}
    answer = idp.post(idp_url, data=wanted.message, headers=headers, allow_redirects=False, timeout=_TIMEOUT)
    if answer.status_code != 200:
        raise SignInFailed(f"the identity provider answered with HTTP {answer.status_code}: {answer.text[:500]}")
    return answer.content


def deliver(browser: requests.Session, wanted: Wanted, answer: bytes) -> requests.Response:
    """Steps 5 and 6: compare the addresses, and bring the answer to the application."""
    envelope = _parsed(answer, "the identity provider's answer")
    header, response = envelope.find("S:Header", _NAMES), envelope.find("S:Header/ecp:Response", _NAMES)
    if header is None or response is None:
        raise SignInFailed("the identity provider's answer has no ecp:Response")
    if response.get("AssertionConsumerServiceURL") != wanted.consumer_url:
        _post(browser, wanted.consumer_url, _FAULT)
        raise SignInFailed("the application wants the answer elsewhere than its metadata says")
    for block in list(header):
        header.remove(block)
    header.append(_paos_response(wanted))
    if wanted.relay_state is not None:
        header.append(etree.fromstring(wanted.relay_state))
    arrived = _post(browser, wanted.consumer_url, etree.tostring(envelope))
    if not arrived.is_redirect:
        return arrived
    if arrived.status_code not in (301, 302, 303):  # 307 and 308 would have the assertion sent again, somewhere else
        raise SignInFailed(f"the application redirects the answer itself, with HTTP {arrived.status_code}")
    return browser.get(urljoin(arrived.url, arrived.headers["Location"]), timeout=_TIMEOUT)


def _post(browser: requests.Session, url: str, content: bytes) -> requests.Response:
    return browser.post(
        url, data=content, headers={"Content-Type": _PAOS_TYPE}, allow_redirects=False, timeout=_TIMEOUT
    )


def _insist_on_success(answer: bytes) -> None:
    codes = [
        str(one.get("Value")).rpartition(":")[2]
        for one in _parsed(answer, "the identity provider's answer").iter(f"{{{_NAMES['samlp']}}}StatusCode")
    ]
    if codes != ["Success"]:
        raise SignInFailed(f"the identity provider does not sign the agent in: {', '.join(codes) or 'no status'}")


def _parsed(content: bytes, what: str) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as problem:
        raise SignInFailed(f"{what} is not XML") from problem
    if root.getroottree().docinfo.internalDTD is not None or root.tag != f"{{{_SOAP}}}Envelope":
        raise SignInFailed(f"{what} is not a SOAP 1.1 Envelope")
    return root


def _paos_response(wanted: Wanted) -> etree._Element:
    block = etree.Element(f"{{{_NAMES['paos']}}}Response", nsmap={"paos": _NAMES["paos"], "S": _SOAP})
    block.set(f"{{{_SOAP}}}mustUnderstand", "1")
    block.set(f"{{{_SOAP}}}actor", "http://schemas.xmlsoap.org/soap/actor/next")
    if wanted.message_id is not None:
        block.set("refToMessageID", wanted.message_id)
    return block
