"""The tree grown leaf by leaf is the tree of RFC 9162 section 2.1.1."""

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from connector.core.merkle import Tree, leaf_hash


def tree_hash(leaves: list[bytes]) -> bytes:
    """The RFC's own recursive definition."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + tree_hash(leaves[:split]) + tree_hash(leaves[split:])).digest()


@given(st.lists(st.binary(max_size=8), max_size=70), st.integers(0, 70))
@settings(max_examples=200, deadline=None)
def test_growing_and_going_on_from_a_frontier_give_the_defined_root(entries: list[bytes], stop: int) -> None:
    leaves = [leaf_hash(entry) for entry in entries]
    tree = Tree()
    for leaf in leaves[:stop]:
        tree.append(leaf)
    tree = Tree(tree.size, tree.frontier)
    for leaf in leaves[stop:]:
        tree.append(leaf)

    assert tree.root() == tree_hash(leaves)
