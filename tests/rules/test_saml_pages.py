"""The commands of the pages about SAML applications do what they say: each is run, with the files that its page shows."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from connector.cli.main import main
from tests.servers.pki import self_signed_rsa
from tests.servers.sp_metadata import PAOS, POST, SOAP, Endpoint, service_provider_metadata

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / "saml-applications.md", *sorted((DOCS / "saml").glob("*.md"))]
KEYS = self_signed_rsa("app")


def blocks(page: Path, language: str) -> list[tuple[str, str]]:
    """What stands before each block of code of that language, and the block."""
    return re.findall(rf"([^\n]*(?:\n[^\n]+)*)\n\n```{language}\n(.*?)```", page.read_text(), re.DOTALL)


def metadata(*entity_ids: str) -> bytes:
    """Of one service provider, or of many, that can do everything."""
    made = []
    for entity_id in entity_ids:
        consumers = [Endpoint(POST, f"{entity_id}/acs"), Endpoint(PAOS, f"{entity_id}/paos")]
        made.append(
            service_provider_metadata(entity_id, KEYS, consumers=consumers, logouts=[Endpoint(SOAP, entity_id)])
        )
    if len(made) == 1:
        return made[0]
    inside = b"".join(one.partition(b"?>")[2] for one in made)
    return (
        b'<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">'
        + inside
        + b"</md:EntitiesDescriptor>"
    )


def write_files(page: Path, folder: Path) -> None:
    """Those that the page shows, under the names that it gives them."""
    (folder / "federation.xml").write_bytes(metadata("https://wiki.example/metadata", "https://shop.example/metadata"))
    for language, pattern in (("xml", r"`([\w-]+\.xml)`"), ("yaml", r"`(saml/[\w-]+\.yaml)`")):
        for before, text in blocks(page, language):
            [name] = re.findall(pattern, before)
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_about_applications_can_be_run(
    page: Path, tmp_path: Path, keys_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(page, tmp_path)
    monkeypatch.chdir(tmp_path)
    environment = {
        "CONNECTOR_DATA_DIR": str(tmp_path / "var"),
        "CONNECTOR_KEYS_DIR": str(keys_dir),
        "CONNECTOR_MAPPINGS_DIR": str(tmp_path),
    }

    def run(*words: str) -> None:
        done = CliRunner().invoke(main, list(words), env=environment, catch_exceptions=False)
        assert done.exit_code == 0, f"{shlex.join(words)}: {done.output}"

    run("db", "upgrade")
    commands = [
        line for _, text in blocks(page, "sh") for line in text.splitlines() if line.startswith("connector app ")
    ]
    assert commands
    for command in commands:
        words = shlex.split(command)[1:]
        if "--metadata" in words:  # what is published elsewhere, or given to the reader by somebody, is made here
            place = words.index("--metadata") + 1
            if not (tmp_path / words[place]).is_file():
                (tmp_path / f"{words[2]}.xml").write_bytes(metadata(f"https://{words[2]}.example"))
                words[place] = f"{words[2]}.xml"
        run(*words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_page_has_a_table_of_what_may_fail(page: Path) -> None:
    table = page.read_text().partition("## When something fails")[2]
    rows = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith("|---")]
    assert len(rows) >= 5 and all(line.count(" | ") == 2 for line in rows)


def test_what_we_are_said_to_say_is_what_we_say() -> None:
    """Sentences of ours that a table quotes, by the words that are the same in each."""
    sources = "".join(file.read_text() for file in (DOCS.parent / "connector").rglob("*.py"))
    known = re.sub(r'"\s*\n\s*f?"', "", sources)
    for page in PAGES:
        for quoted in re.findall(r"^\| `([^`]+)` from us", page.read_text(), re.MULTILINE):
            words = max(re.split(r"\b(?:target|audience|Issuer)\b", quoted), key=len).strip()
            assert words in known, f"{page.name}: {quoted}"
