"""The one outbound HTTP client: time limits, verified TLS, the correlation header, and errors that say if a retry helps.

It never sleeps and never retries by itself: the worker owns retries and Retry-After.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

import orjson
import urllib3
from urllib3 import exceptions

from connector.core import ids
from connector.core.clock import Clock, utc_now
from connector.core.errors import ConnectorError, Misconfigured

_MAX_BODY = 32 * 1024 * 1024
_CHUNK = 64 * 1024
_CONNECTIONS = 64  # kept for one peer: as many as threads that may push to it


class HttpFailure(ConnectorError):
    """No usable answer: not reached, timed out, cut off. `sent` says whether the request may have been carried out."""

    def __init__(self, detail: str, *, sent: bool) -> None:
        super().__init__(detail)
        self.sent = sent


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, read whole. `retry_after` is in seconds, from the header's seconds or date form (RFC 9110 10.2.3)."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    retry_after: float | None

    def json(self) -> Any:
        """The parsed body; ValueError where it is not JSON."""
        return orjson.loads(self.body)


class HttpClient:
    """Keep-alive connections, which threads may share. Not a secret in sight: the `auth` headers never appear in repr or errors.

    Certificates are checked against the system's CAs, or those in `ca_file` (PEM); Misconfigured where that file has none.
    """

    def __init__(
        self,
        *,
        connect_timeout: float = 5.0,
        read_timeout: float = 20.0,
        ca_file: str | None = None,
        headers: Mapping[str, str] | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._pool = urllib3.PoolManager(
            maxsize=_CONNECTIONS,
            ssl_context=_trust(ca_file),
            timeout=urllib3.Timeout(connect=connect_timeout, read=read_timeout),
            retries=False,
        )
        self._headers = {"User-Agent": "agent-idp-connector", "Accept-Encoding": "gzip, deflate", **(headers or {})}
        self._timeout = (connect_timeout, read_timeout)
        self._clock = clock

    def send(
        self,
        method: str,
        url: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request, one answer; redirects are not followed. HttpFailure where there is no answer."""
        given = {**self._headers, "traceparent": ids.traceparent(), **(headers or {})}
        query = f"{'&' if '?' in url else '?'}{urlencode(params)}" if params else ""
        try:
            response = self._pool.request(
                method, url + query, body=body, headers=given, redirect=False, preload_content=False
            )
            content = _read(response)
        except exceptions.SSLError as problem:
            reason = f"TLS to {_host(url)} failed: {_tls_reason(problem)}"
            raise HttpFailure(reason, sent=False) from problem
        except exceptions.NewConnectionError as problem:
            refused = isinstance(problem.__cause__, ConnectionRefusedError)
            reason = "refused the connection" if refused else "cannot be reached"
            raise HttpFailure(f"{_host(url)} {reason}", sent=False) from problem
        except exceptions.ConnectTimeoutError as problem:
            raise HttpFailure(
                f"{_host(url)} did not accept a connection in {self._timeout[0]} s", sent=False
            ) from problem
        except exceptions.LocationValueError as problem:
            raise HttpFailure(f"{url} is no address that can be asked", sent=False) from problem
        except exceptions.TimeoutError as problem:
            raise HttpFailure(f"{_host(url)} did not answer in {self._timeout[1]} s", sent=True) from problem
        except (exceptions.HTTPError, OSError) as problem:
            reason = "closed the connection before its answer was whole"
            raise HttpFailure(f"{_host(url)} {reason}", sent=True) from problem
        if len(content) > _MAX_BODY:
            raise HttpFailure(f"{_host(url)} sent more than {_MAX_BODY} bytes", sent=True)
        return Answer(response.status, response.headers, content, self._retry_after(response.headers))

    def _retry_after(self, headers: Mapping[str, str]) -> float | None:
        value = headers.get("Retry-After", "").strip()
        if value.isdigit():
            return float(value)
        try:
            moment: datetime = parsedate_to_datetime(value)
            return max(0.0, (moment - self._clock()).total_seconds())
        except (ValueError, TypeError):
            return None


def _trust(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as problem:
        reason = f"ca_file: {ca_file} is no PEM file of CA certificates ({problem.strerror or problem})"
        raise Misconfigured("The certificates to trust cannot be had:", [reason]) from problem


def _read(response: urllib3.BaseHTTPResponse) -> bytes:
    """The body, up to the limit and a little. A connection whose body was read to its end is kept for the next request."""
    try:
        parts, size = [], 0
        for part in response.stream(_CHUNK):
            parts.append(part)
            size += len(part)
            if size > _MAX_BODY:
                response.close()
                break
        return b"".join(parts)
    finally:
        response.release_conn()


def _host(url: str) -> str:
    return url.split("/")[2] if "//" in url else url


def _tls_reason(problem: Exception) -> str:
    text = str(problem)
    return "its certificate is not trusted" if "CERTIFICATE_VERIFY_FAILED" in text else "handshake failure"
