"""States of an agent and the moves between them, as one table. Pure."""

from connector.core.errors import Invalid

STATES = ("proposed", "active", "suspended", "quarantined", "retired")

MOVES: dict[str, frozenset[str]] = {
    "proposed": frozenset({"active", "retired"}),
    "active": frozenset({"suspended", "quarantined", "retired"}),
    "suspended": frozenset({"active", "quarantined", "retired"}),
    "quarantined": frozenset({"active", "suspended", "retired"}),
    "retired": frozenset(),
}

_FIELD = "lifecycleState"


def implied(active: bool) -> str:
    """The state that says no more than `active` does."""
    return "active" if active else "suspended"


def move(before: tuple[bool, str] | None, active: bool | None, state: str | None) -> tuple[bool, str]:
    """The (active, state) that follows from what was and what is asked for; None means: not mentioned.

    One derives from the other, whichever the request changed; a request that contradicts itself is Invalid, and so is a move
    that the table does not have. An agent that says nothing on creation is active (RFC 7643 section 4.1.1 for users).
    """
    if state is not None and state not in STATES:
        raise Invalid(f"{_FIELD} must be one of {', '.join(STATES)}, not {state!r}", field=_FIELD)
    if before is None:
        wanted = state or implied(active is not False)
        return _consistent(wanted, active if active is not None else wanted == "active")
    old_active, old_state = before
    state_changed = state is not None and state != old_state
    active_changed = active is not None and active != old_active
    if not state_changed and not active_changed:
        return before
    wanted = state if state_changed and state is not None else implied(bool(active))
    if wanted not in MOVES[old_state]:
        raise Invalid(f"{_FIELD}: an agent that is {old_state} cannot become {wanted}", field=_FIELD)
    return _consistent(wanted, bool(active) if active_changed else wanted == "active")


def _consistent(state: str, active: bool) -> tuple[bool, str]:
    if active != (state == "active"):
        raise Invalid(
            f"active is {str(active).lower()} but {_FIELD} is {state}: they contradict each other", field="active"
        )
    return active, state
