"""Words that have a plainer one: they stay out of code and documents."""

import re
from pathlib import Path
from typing import Final

import pytest

from tests.unit.docs.documents import DOCUMENTS, ROOT, name

FOLDERS: Final = ("precache", "bridge", "processor", "keeper", "console")
CODE: Final = sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))
# What stands for each: report, emit, log, list, show; fix; missing; error; heartbeat; requeued; probe; actionable.
WORDS: Final = re.compile(
    r"\b(told|tells|telling|mend(?:s|ed|ing)?|lacking|at fault|faulty|sign of life|signs of life|given back|hears"
    r"|deaf|solo|be it|so long as it|what is over|of ours)\b",
    re.IGNORECASE,
)


def found(file: Path) -> list[str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return [f"{number}: {word[0]}" for number, line in enumerate(lines, 1) for word in WORDS.finditer(line)]


@pytest.mark.parametrize("document", [each for each in DOCUMENTS if "decisions" not in each.parts], ids=name)
def test_documents_use_the_plain_word(document: Path) -> None:
    assert not found(document), f"{name(document)}: {found(document)}"


def test_code_uses_the_plain_word() -> None:
    assert len(CODE) > 100
    wrong = {str(file.relative_to(ROOT)): found(file) for file in CODE if found(file)}
    assert not wrong
