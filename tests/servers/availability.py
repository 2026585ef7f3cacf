"""Says loudly when a real server cannot be had: a skip with its reason, or a failure where all must be present.

Reasons are read back from the skip reports, not from a module variable, because under xdist the tests skip in the
workers while the summary is printed by the controller.
"""

import os
from collections import Counter
from typing import NoReturn

import pytest

from tests.servers.system_packages import SERVERS, missing_programs

_PREFIX = "test server "


def require(server: str) -> None:
    """Skip the test when programs of the server are absent; fail it under `CI=true`."""
    missing = missing_programs(server)
    if missing:
        packages = " ".join(SERVERS[server].packages)
        unavailable(server, f"missing {', '.join(missing)} (Debian packages: {packages})")


def unavailable(server: str, reason: str) -> NoReturn:
    """The same, for a server found wanting only when it was tried."""
    message = f"{_PREFIX}{server}: {reason}"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line per server that was not there, so that a green run cannot hide what it did not test."""
    skipped: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reason = reason.removeprefix("Skipped: ")
        if reason.startswith(_PREFIX):
            skipped[reason] += 1
    for reason, tests in sorted(skipped.items()):
        terminalreporter.write_line(f"NOT TESTED ({tests} tests skipped) {reason}", yellow=True)
