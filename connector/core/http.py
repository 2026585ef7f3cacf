"""The one outbound HTTP client: time limits, verified TLS, the correlation header, and errors that say if a retry helps.

It never sleeps and never retries by itself: the worker owns retries and Retry-After.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson
import requests

from connector.core import ids
from connector.core.clock import Clock, utc_now
from connector.core.errors import ConnectorError

_MAX_BODY = 32 * 1024 * 1024


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
    """Keep-alive connections to one peer. Not a secret in sight: the `auth` headers never appear in repr or errors."""

    def __init__(
        self,
        *,
        connect_timeout: float = 5.0,
        read_timeout: float = 20.0,
        ca_file: str | None = None,
        headers: Mapping[str, str] | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = ca_file or True
        self._session.headers.update({"User-Agent": "agent-idp-connector", **(headers or {})})
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
        try:
            response = self._session.request(
                method,
                url,
                data=body,
                params=params,
                headers={"traceparent": ids.traceparent(), **(headers or {})},
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            )
            content = _read(response)
        except requests.exceptions.SSLError as problem:
            reason = f"TLS to {_host(url)} failed: {_tls_reason(problem)}"
            raise HttpFailure(reason, sent=False) from problem
        except requests.exceptions.ConnectTimeout as problem:
            raise HttpFailure(
                f"{_host(url)} did not accept a connection in {self._timeout[0]} s", sent=False
            ) from problem
        except requests.exceptions.Timeout as problem:
            raise HttpFailure(f"{_host(url)} did not answer in {self._timeout[1]} s", sent=True) from problem
        except (requests.exceptions.RequestException, OSError) as problem:
            refused = "refused" in str(problem).lower()
            reason = "refused the connection" if refused else "closed the connection before its answer was whole"
            raise HttpFailure(f"{_host(url)} {reason}", sent=not refused) from problem
        if len(content) > _MAX_BODY:
            raise HttpFailure(f"{_host(url)} sent more than {_MAX_BODY} bytes", sent=True)
        return Answer(response.status_code, response.headers, content, self._retry_after(response.headers))

    def _retry_after(self, headers: Mapping[str, str]) -> float | None:
        value = headers.get("Retry-After", "").strip()
        if value.isdigit():
            return float(value)
        try:
            moment: datetime = parsedate_to_datetime(value)
            return max(0.0, (moment - self._clock()).total_seconds())
        except (ValueError, TypeError):
            return None


def _read(response: requests.Response) -> bytes:
    """The body, up to the limit and a little. Read through requests, which turns a body cut short into its own exception."""
    parts, size = [], 0
    for part in response.iter_content(64 * 1024):
        parts.append(part)
        size += len(part)
        if size > _MAX_BODY:
            response.close()
            break
    return b"".join(parts)


def _host(url: str) -> str:
    return url.split("/")[2] if "//" in url else url


def _tls_reason(problem: Exception) -> str:
    text = str(problem)
    return "its certificate is not trusted" if "CERTIFICATE_VERIFY_FAILED" in text else "handshake failure"
