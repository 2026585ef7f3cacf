"""Commands of `connector`, each in a process of its own, forked from one that has loaded everything.

Loading takes a command most of a second, and the acceptance tests give some hundreds of them. `serve`, the demo and the wheel's tests
start `connector` as an operator does. Run as `python -m tests.acceptance.commands`: an order is a line of JSON in, what it did one out.
"""

import atexit
import functools
import importlib
import os
import pkgutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

import orjson


def call(arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """What the command does with just these variables, and no input."""
    helper = _helper()
    assert helper.stdin is not None and helper.stdout is not None
    helper.stdin.write(orjson.dumps([list(arguments), dict(environment)]) + b"\n")
    helper.stdin.flush()
    code, output, errors = orjson.loads(helper.stdout.readline())
    return subprocess.CompletedProcess(["connector", *arguments], code, output, errors)


@functools.cache
def _helper() -> subprocess.Popen[bytes]:
    """One for each process of pytest; it ends with its input, so at the latest with us."""
    helper = subprocess.Popen([sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    atexit.register(helper.communicate)
    return helper


def main() -> None:
    import connector.cli
    import connector.targets.registry

    for module in pkgutil.iter_modules(connector.cli.__path__, "connector.cli."):
        importlib.import_module(module.name)
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(orjson.dumps(_forked(*orjson.loads(line))) + b"\n")
        sys.stdout.buffer.flush()


def _forked(arguments: list[str], environment: dict[str, str]) -> tuple[int, str, str]:
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        child = os.fork()
        if child == 0:
            _become(arguments, environment, output.fileno(), errors.fileno())
        _, status = os.waitpid(child, 0)
        for file in (output, errors):
            file.seek(0)
        return os.waitstatus_to_exitcode(status), output.read().decode(), errors.read().decode()


def _become(arguments: list[str], environment: dict[str, str], output: int, errors: int) -> Any:
    """Never returns."""
    code: Any = 1
    try:
        os.environ.clear()
        os.environ.update(environment)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(errors, 2)
        from connector.cli import main as command

        command(arguments, prog_name="connector")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
