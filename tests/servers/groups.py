"""Tests of one heavy server run in one worker, so that it is started once: a file says so by `pytest.mark.xdist_group("name")`.

xdist's own way (--dist loadgroup) marks the ids of tests where pytest 9 no longer looks, and then groups nothing without a word.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

_GROUP = re.compile(r'xdist_group\("(\w+)"\)')


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling  # only here: a run without workers does without xdist

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(config.rootpath / nodeid.partition("::")[0]) or nodeid

    return Scheduling(config, log)


@cache
def group_of(file: Path) -> str:
    """The group that the tests of a file are in; "" for none."""
    found = _GROUP.search(file.read_text(encoding="utf-8"))
    return found[1] if found else ""
