"""Mutation test of the SAML verifier (`make mutation`): each small change to what decides whether a message is believed must fail a test.

mutmut changes a copy of the product under .cache, and runs the tests that pyproject.toml names against each change. One that no test
notices fails the run, unless `survivors.toml` beside this file says why it does no harm; so does a reason that nothing needs any more.
In: names of mutants, with wildcards, or none for all. Out: the figures, and exit 1 where something survived.
"""

import ast
import difflib
import json
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".cache" / "mutation"
LISTED = Path(__file__).with_name("survivors.toml")
COPIED = ("connector", "tests", "mappings", "pyproject.toml")
# what signs (the classes of signature.py) is left out: whether its signatures are good is for others' verifiers to say, which the tests ask
ALL = ("connector.edges.saml.*x_*", "connector.edges.saml.sp.provider.*")
KILLED = {1, 3, 24, 36, 152, 255, -24, -11, -9}  # a test failed, took far too long, or the interpreter broke down


def run(names: list[str]) -> None:
    """Test the mutants of those names."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, WORK / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, WORK / name)
    program = Path(sys.executable).with_name("mutmut")
    with (WORK / "run.log").open("w") as log:
        done = subprocess.run(
            [program, "run", "--max-children", "1", *names],
            cwd=WORK,
            stdout=None if sys.stdout.isatty() else log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        raise SystemExit(f"mutmut failed: see {WORK / 'run.log'}")


def tested() -> Iterator[tuple[str, str, bool]]:
    """(function, the changed line, whether a test noticed) of each mutant that was tested."""
    for meta in sorted((WORK / "mutants").rglob("*.py.meta")):
        codes = {
            name: code for name, code in json.loads(meta.read_text())["exit_code_by_key"].items() if code is not None
        }
        sources = _functions(meta.with_suffix(""))
        for name, code in codes.items():
            module, _, mutant = name.rpartition(".")
            function, _, _ = mutant.partition("__mutmut_")
            told = f"{module}.{function.removeprefix('x_').replace('xǁ', '').replace('ǁ', '.')}"
            yield told, _changed(sources[f"{function}__mutmut_orig"], sources[mutant]), code in KILLED


def _functions(file: Path) -> dict[str, list[str]]:
    """The lines of each function of a mutated file, by its name; the first, which has that name, left out."""
    text = file.read_text()
    lines = text.splitlines()
    found = [one for one in ast.walk(ast.parse(text)) if isinstance(one, ast.FunctionDef)]
    return {one.name: [line.strip() for line in lines[one.body[0].lineno - 1 : one.end_lineno]] for one in found}


def _changed(before: list[str], after: list[str]) -> str:
    """The new lines; those that are gone where there are none."""
    changes = [one for one in difflib.ndiff(before, after) if one[0] in "+-"]
    added = [one[2:] for one in changes if one[0] == "+"]
    return " ".join(added) or "without " + " ".join(one[2:] for one in changes)


def main(names: list[str]) -> int:
    run(names or list(ALL))
    listed = {
        (function, line)
        for function, lines in tomllib.loads(LISTED.read_text()).items()
        for line in lines
    }  # fmt: skip
    mutants = list(tested())
    survived = {(function, line) for function, line, killed in mutants if not killed}
    figures = Counter(killed for _, _, killed in mutants)
    print(f"{len(mutants)} mutants, {figures[True]} killed, {figures[False]} not; {len(listed)} reasons are listed")
    unexpected = sorted(survived - listed)
    needless = sorted(listed - survived) if not names else []
    for function, line in unexpected:
        print(f"  SURVIVED  {function}\n            {line}")
    for function, line in needless:
        print(f"  LISTED, BUT KILLED OR GONE  {function}\n            {line}")
    return 1 if unexpected or needless else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
