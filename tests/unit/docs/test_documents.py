"""The documents can be read in a terminal, and their links lead somewhere."""

import re
from pathlib import Path

import pytest

from tests.unit.docs.documents import DOCUMENTS, ROOT, anchors, name, outside_code

MAX_COLUMNS = 119


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_lines_of_prose_are_short(document: Path) -> None:
    prose = [(number, line) for number, line in outside_code(document.read_text()) if not line.startswith("|")]
    assert prose
    long = [number for number, line in prose if len(line) > MAX_COLUMNS and "://" not in line]
    assert not long, f"{name(document)}: break these lines: {long}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_lead_to_a_file_and_a_heading(document: Path) -> None:
    broken = []
    for number, line in outside_code(document.read_text()):
        for link in re.findall(r"\]\(([^)\s]+)\)", line):
            path, _, anchor = link.partition("#")
            if "://" in link:
                continue
            target = (document.parent / path).resolve() if path else document
            if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
                broken.append(f"{name(document)}:{number}: {link}")
    assert broken == []


def test_the_index_of_decisions_has_each_one() -> None:
    folder = ROOT / "docs" / "decisions"
    linked = re.findall(r"\]\((\d{4}-[^)]+)\)", (folder / "README.md").read_text())
    assert sorted(linked) == sorted(path.name for path in folder.glob("[0-9]*.md")), (
        "name it in docs/decisions/README.md"
    )
