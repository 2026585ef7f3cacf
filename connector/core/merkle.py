"""The Merkle tree of RFC 9162 section 2.1 (SHA-256), grown leaf by leaf. Pure.

A tree of n leaves is kept as its frontier: the roots of its complete subtrees, the largest first, one for each 1 bit of n.
"""

import hashlib


def leaf_hash(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """An append-only tree; the same leaves in the same order give the same root."""

    def __init__(self, size: int = 0, frontier: list[bytes] | None = None) -> None:
        self.size = size
        self.frontier = list(frontier or [])
        if len(self.frontier) != size.bit_count():
            raise ValueError(
                f"a tree of {size} leaves has {size.bit_count()} complete subtrees, not {len(self.frontier)}"
            )

    def append(self, leaf: bytes) -> None:
        """Add a leaf hash: every complete subtree of the same size as the new one merges with it."""
        node, rest = leaf, self.size
        while rest & 1:
            node = _node(self.frontier.pop(), node)
            rest >>= 1
        self.frontier.append(node)
        self.size += 1

    def root(self) -> bytes:
        if not self.frontier:
            return hashlib.sha256(b"").digest()
        root = self.frontier[-1]
        for left in reversed(self.frontier[:-1]):
            root = _node(left, root)
        return root
