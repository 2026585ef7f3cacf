"""JWTs of an issuer elsewhere: assertions that stand for a client or agent (RFC 7523 section 2.2, workload identity federation),
and those that say who a person is. Which trust they claim, and its keys.

Keys are fetched before any transaction is open, kept for a while, and fetched again for a `kid` that is not known: not more
often than every half minute, so that made-up kids cannot make us hammer the issuer.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import orjson
from joserfc import jwk

from connector.core import jose
from connector.core.errors import Unauthenticated
from connector.core.http import HttpClient, HttpFailure
from connector.domain import client_access, delegations
from connector.domain.client_access import Trust
from connector.domain.delegations import Vouching
from connector.domain.unit import Domain
from connector.edges.oauth.errors import Refused

_FRESH = timedelta(hours=1)
_PATIENCE = timedelta(seconds=30)  # between two fetches, also after one that failed
_STALE = timedelta(hours=24)  # how long known keys serve while the issuer is down


@dataclass(frozen=True)
class Claimed:
    """The trust that an assertion claims, and the keys that may have signed it."""

    trust: Trust
    keys: list[jwk.Key]


@dataclass(frozen=True)
class Vouched:
    """The issuer that vouches for people, as the token claims, and the keys that may have signed it."""

    vouching: Vouching
    keys: list[jwk.Key]


@dataclass
class _Known:
    keys: dict[str, jwk.Key]
    fetched: datetime | None = None
    tried: datetime | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class Federation:
    """The keys of trusted issuers, kept in this process."""

    def __init__(self, domain: Domain, http: Callable[[], HttpClient]) -> None:
        self._domain = domain
        self._http = http
        self._known: dict[str, _Known] = {}  # by the URL of the keys: as many as there are trusts
        self._lock = threading.Lock()

    def claimed(self, token: str) -> Claimed | None:
        """None where nobody trusts that issuer and subject. Refused where its keys cannot be had or none fits the `kid`."""
        if not token:
            return None  # as most requests have none
        try:
            claims, kid = jose.unverified_claims(token), jose.unverified_header(token).get("kid")
        except Unauthenticated:
            return None
        issuer, subject = claims.get("iss"), claims.get("sub")
        if not isinstance(issuer, str) or not isinstance(subject, str) or issuer == subject:
            return None  # private_key_jwt: the client speaks for itself
        with self._domain.view() as unit:
            trust = client_access.trust_of(unit, issuer, subject)
        if trust is None:
            return None
        return Claimed(trust, self._keys(trust, kid, trust.client_id))

    def vouched(self, token: str) -> Vouched | None:
        """None where that issuer does not vouch for people. Refused where its keys cannot be had or none fits the `kid`."""
        if not token:
            return None
        try:
            issuer, kid = jose.unverified_claims(token).get("iss"), jose.unverified_header(token).get("kid")
        except Unauthenticated:
            return None
        with self._domain.view() as unit:
            found = delegations.vouching(unit, issuer) if isinstance(issuer, str) else None
        return Vouched(found, self._keys(found, kid, None)) if found else None

    def _keys(self, source: Trust | Vouching, kid: object, holder: str | None) -> list[jwk.Key]:
        if source.jwks_url:
            keys = self._fetched(source.issuer, source.jwks_url, kid, holder)
        else:
            keys = jose.key_set(orjson.loads(source.jwks or "{}"))
        chosen = list(keys.values()) if kid is None else [keys[kid]] if isinstance(kid, str) and kid in keys else []
        if not chosen:
            raise Refused(f"the issuer {source.issuer} has no key {kid!r}", holder=holder)
        return chosen

    def _fetched(self, issuer: str, url: str, kid: object, holder: str | None) -> dict[str, jwk.Key]:
        now = self._domain.database.clock()
        with self._lock:
            known = self._known.setdefault(url, _Known({}))
        with (
            known.lock
        ):  # who comes meanwhile waits for this fetch, at most its time limits, and does not start another
            fresh = known.fetched is not None and now - known.fetched < _FRESH
            satisfied = fresh and (kid is None or kid in known.keys)
            waiting = known.tried is not None and now - known.tried < _PATIENCE
            problem = None if satisfied or waiting else self._fetch(known, url, now)
        if known.fetched is None or now - known.fetched > _STALE:
            reason = problem or "its keys could not be had a moment ago"
            raise Refused(f"the keys of {issuer}: {reason}", holder=holder, retry_after=_PATIENCE.seconds)
        return known.keys

    def _fetch(self, known: _Known, url: str, now: datetime) -> str | None:
        """What went wrong, or None."""
        known.tried = now
        try:
            answer = self._http().send("GET", url, headers={"Accept": "application/jwk-set+json, application/json"})
            if answer.status != 200:
                return f"{url} answered {answer.status}"
            known.keys, known.fetched = jose.key_set(answer.json()), now
        except HttpFailure as problem:
            return problem.detail
        except ValueError as problem:
            return f"{url} is no JWK Set: {problem}"
        return None
