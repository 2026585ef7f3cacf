"""The wheel by itself, without a checkout beside it: what `pip install` gives to a user."""

import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from connector import __version__

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Installed:
    """A folder with the wheel's files and nothing of ours besides; the dependencies come from the interpreter."""

    site: Path
    folder: Path

    def run(self, *command: str | Path) -> str:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CONNECTOR_")}
        environment |= {"PYTHONPATH": str(self.site), "CONNECTOR_DATA_DIR": str(self.folder / "var")}
        done = subprocess.run(
            [sys.executable, *command], cwd=self.folder, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def connector(self, *arguments: str) -> str:
        return self.run(self.site / "bin" / "connector", *arguments)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `pip wheel` does it, but with the hatchling of this environment: nothing is fetched."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("elsewhere")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*command, "--no-index", "--no-deps", "--target", folder / "site", wheel], check=True, capture_output=True
    )
    return Installed(folder / "site", folder)


def test_the_wheel_brings_mappings_migrations_and_licences_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    migrations = [str(file.relative_to(ROOT)) for file in (ROOT / "connector" / "storage" / "migrations").rglob("*.py")]
    mappings = [f"connector/{file.relative_to(ROOT)}" for file in (ROOT / "mappings").rglob("*.*")]

    pages = [str(file.relative_to(ROOT)) for file in (ROOT / "connector").rglob("*.html")]
    assert pages and set(mappings) | set(migrations) | set(pages) <= set(names)
    assert {Path(name).name for name in names if "/licenses/" in name} == {"LICENSE", "NOTICE"}
    assert [name for name in names if name.startswith(("tests/", "docs/"))] == []


def test_the_installed_command_tells_its_version(installed: Installed) -> None:
    assert installed.connector("--version").split()[-1] == __version__


def test_the_installed_package_does_not_look_into_the_checkout(installed: Installed) -> None:
    code = "import connector; from connector.mapping.load import shipped_folder; print(connector.__file__, shipped_folder())"
    found = [Path(one) for one in installed.run("-c", code).split()]

    assert found == [installed.site / "connector" / "__init__.py", installed.site / "connector" / "mappings"]


def test_an_installed_connector_makes_its_database_and_takes_a_target_with_a_shipped_mapping(
    installed: Installed,
) -> None:
    installed.connector("db", "upgrade")

    installed.connector("target", "add", "somewhere", "--mapping", "memory", "--no-check")

    assert "somewhere" in installed.connector("target", "list")
