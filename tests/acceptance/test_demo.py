"""The demo is the first thing that a newcomer runs: it must work, and it must not let a secret through."""

import subprocess
import sys


def test_the_demo_plays_the_whole_story_and_exits_0() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.demo"], capture_output=True, text=True, timeout=110, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 writes" in done.stdout
    assert "it cannot sign in again" in done.stdout
    assert "acs_" not in done.stdout
