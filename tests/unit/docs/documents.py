"""The Markdown files of the project, and what of them is prose."""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]
DOCUMENTS: Final = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "decisions").glob("*.md")),
]
_NOT_IN_A_SLUG: Final = re.compile(r"[^\w\- ]")


def name(document: Path) -> str:
    """Return a document's path in the project."""
    return str(document.relative_to(ROOT))


def outside_code(text: str) -> list[tuple[int, str]]:
    """Return the lines, with their numbers from 1, that are in no block of code."""
    lines = []
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and not line.startswith("    "):
            lines.append((number, line))
    return lines


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives the headings."""
    titles = [line.lstrip("#").strip() for _, line in outside_code(text) if re.match(r"#{1,6} ", line)]
    return {_NOT_IN_A_SLUG.sub("", title.lower()).replace(" ", "-") for title in titles}


def words_in_code_marks(text: str) -> set[str]:
    """Return what stands between backticks, in prose and tables."""
    return {found for _, line in outside_code(text) for found in re.findall(r"`([^`]+)`", line)}
