"""A connection of ldap3 that takes requests as bytes and hands entries over as bytes, once.

ldap3 decodes each value a second time by guessing an encoding, which costs half the time of a read and takes a photograph for text.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import ldap3
from ldap3.core.exceptions import LDAPSocketOpenError
from ldap3.strategy.safeSync import SafeSyncStrategy
from ldap3.utils.asn1 import decode_sequence

from connector.targets.ldap_ber import Control, message

POST_READ = "1.3.6.1.1.13.2"
_SEARCH_RESULT_ENTRY = 4


class RawConnection(ldap3.Connection):
    """As ldap3.Connection with the strategy SAFE_SYNC, but entries have `raw_dn` and `raw_attributes` only."""

    def __init__(self, server: ldap3.Server, user: str, password: str, **options: Any) -> None:
        super().__init__(server, user, password, client_strategy=ldap3.SAFE_SYNC, **options)
        strategy: Any = _RawAnswers(self)
        self.strategy = strategy
        self.send, self.open, self.get_response = strategy.send, strategy.open, strategy.get_response
        self.post_send_search = strategy.post_send_search
        self.post_send_single_response = strategy.post_send_single_response

    def exchange(self, request: bytes, controls: Iterable[Control]) -> tuple[Any, list[Any]]:
        """Send a request; its result, and what came before that."""
        if self.socket is None:
            raise LDAPSocketOpenError("the connection is closed")
        number = self.server.next_message_id()
        self.strategy._outstanding[number] = {}
        self.socket.sendall(message(number, request, controls))
        responses, result = self.get_response(number)
        return result, responses or []


class _RawAnswers(SafeSyncStrategy):
    def decode_response_fast(self, ldap_message: Any) -> Any:
        if ldap_message["protocolOp"] != _SEARCH_RESULT_ENTRY:
            return super().decode_response_fast(ldap_message)  # type: ignore[no-untyped-call]
        name, attributes = (part[3] for part in ldap_message["payload"])
        controls = dict(self.decode_control_fast(one[3]) for one in ldap_message["controls"] or ())
        raw = {"raw_dn": bytes(name), "raw_attributes": _raw(attributes), "controls": controls}
        return {"type": "searchResEntry", **raw}

    @staticmethod
    def decode_control_fast(control: Any, from_server: bool = True) -> tuple[str, Mapping[str, Any]]:
        if control[0][3] != POST_READ.encode():
            oid, value = SafeSyncStrategy.decode_control_fast(control, from_server)
            return str(oid), value
        read = decode_sequence(control[-1][3], 0, len(control[-1][3]))
        return POST_READ, {"value": _raw(read[0][3][1][3])}


def _raw(attributes: Any) -> dict[str, list[bytes]]:
    return {one[3][0][3].decode(): [bytes(value[3]) for value in one[3][1][3]] for one in attributes}
