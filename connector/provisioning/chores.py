"""What a worker looks after once a minute besides pushes: given to it as functions, each of which knows what is due."""

import threading
from collections.abc import Callable, Sequence

from connector.core.ids import correlation_id, new_correlation_id
from connector.core.logs import logger

Chore = Callable[[], None]
_EVERY = 60.0

log = logger()


class Chores:
    """Runs them in a thread of its own: whoever they ask elsewhere may take its time."""

    def __init__(self, chores: Sequence[Chore]) -> None:
        self._chores = chores
        self._begun = 0.0
        self._thread: threading.Thread | None = None

    def start_due(self, now: float) -> None:
        """Begin a round if the last one began a minute ago and has ended. `now` in seconds."""
        busy = self._thread is not None and self._thread.is_alive()
        if not self._chores or busy or now - self._begun < _EVERY:
            return
        self._begun = now
        self._thread = threading.Thread(target=self.run, name="chores", daemon=True)
        self._thread.start()

    def run(self) -> None:
        """One round. A chore that fails is logged, and the others are done."""
        for chore in self._chores:
            correlation_id.set(new_correlation_id())
            try:
                chore()
            except Exception:  # the round must outlive whatever a single chore meets
                log.exception("a chore failed", action="chore")
