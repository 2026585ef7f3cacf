"""Cursors (RFC 9865): where the next page begins, sealed, so that nobody can read, alter or make one; no state on the server."""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connector.domain.resources import After
from connector.edges.scim.errors import ScimError

TIMEOUT = 600  # seconds


@dataclass(frozen=True)
class Cursors:
    """Seals and opens cursors with a key of this deployment."""

    key: bytes

    def seal(self, end: After, *, count: int, client_id: str, query: Any, now: float) -> str:
        """The cursor for the page behind `end`, or before it where it says so.

        It is good for this client, this query and pages of this size only.
        """
        content = orjson.dumps([end.seq, end.key, int(now) + TIMEOUT, count, end.backwards])
        nonce = secrets.token_bytes(12)
        sealed = nonce + AESGCM(self.key).encrypt(nonce, content, _bound(client_id, query))
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def open(self, cursor: str, *, count: int, client_id: str, query: Any, now: float) -> After:
        """ScimError `invalidCursor` for any that is not ours, not this client's or of another query; `expiredCursor`;
        `invalidCount` where the pages before had another size (RFC 9865 section 2.1).
        """
        try:
            sealed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            content = AESGCM(self.key).decrypt(sealed[:12], sealed[12:], _bound(client_id, query))
        except (ValueError, InvalidTag) as problem:
            detail = "the cursor is not one that was given to this client for this query; begin again without it"
            raise ScimError("invalidCursor", detail, field="cursor") from problem
        seq, key, until, sealed_count, backwards = orjson.loads(content)
        if until < now:
            raise ScimError("expiredCursor", f"the cursor is older than {TIMEOUT} seconds; begin again", field="cursor")
        if sealed_count != count:
            raise ScimError("invalidCount", f"count was {sealed_count} on the pages before; keep it", field="count")
        return After(seq, key, backwards)


def _bound(client_id: str, query: Any) -> bytes:
    return hashlib.sha256(orjson.dumps([client_id, query])).digest()
