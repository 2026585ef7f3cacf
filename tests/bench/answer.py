"""Reads one HTTP/1.1 answer out of the bytes that came so far."""


def parse(data: bytearray, *, ended: bool) -> tuple[int, bytes, bool] | None:
    """Status, body, and whether the connection stays; None while the answer is incomplete."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(data[:end])
    low = head.lower()
    status = int(head[9:12])
    keep = head.startswith(b"HTTP/1.1") and b"\r\nconnection: close" not in low
    if status == 204:
        return status, b"", keep
    if (at := low.find(b"\r\ncontent-length:")) >= 0:
        length = int(low[at + 17 :].split(b"\r\n", 1)[0])
        if len(data) < end + 4 + length:
            return None
        return status, bytes(data[end + 4 : end + 4 + length]), keep
    if b"\r\ntransfer-encoding: chunked" in low:
        body = _chunks(bytes(data[end + 4 :])) if data.endswith(b"0\r\n\r\n") else None
        return None if body is None else (status, body, keep)
    return (status, bytes(data[end + 4 :]), False) if ended else None


def _chunks(data: bytes) -> bytes | None:
    pieces, at = [], 0
    while (end := data.find(b"\r\n", at)) >= 0:
        size = int(data[at:end].split(b";")[0], 16)
        if len(data) < end + 2 + size + 2:
            return None
        if size == 0:
            return b"".join(pieces)
        pieces.append(data[end + 2 : end + 2 + size])
        at = end + 2 + size + 2
    return None
