"""What is wrong with a file's YAML, in words for who wrote it: a parser speaks of blocks, tokens and scalars.

Its texts are those of PyYAML's scanner, parser and composer.
"""

import re
from collections.abc import Callable
from typing import Final

import yaml

_UNCLOSED: Final = {"flow mapping": "{", "flow sequence": "["}


def problem(error: yaml.MarkedYAMLError) -> str:
    """Return what is wrong and what to do; never the line itself, which may hold a secret."""
    said, context = error.problem or "", error.context or ""
    begin = f"line {error.context_mark.line + 1}" if error.context_mark else "above"
    for pattern, words in _WORDS:
        found = re.search(pattern, f"{context}; {said}")
        if found:
            return words(found, begin)
    return f"{context}, {said}".strip(", ") or "it cannot be read"


def _unclosed(found: re.Match[str], begin: str) -> str:
    return f"`{_UNCLOSED[found[1]]}` of {begin} is not closed, or a comma is missing"


# The first that fits.
_WORDS: Final[tuple[tuple[str, Callable[[re.Match[str], str], str]], ...]] = (
    (r"'\\t'", lambda _found, _begin: "a tab: indent with spaces"),
    (r"parsing a (flow mapping|flow sequence)", _unclosed),
    (
        r"quoted scalar.*(?:unexpected end of stream|document separator)",
        lambda _found, begin: f"the quotation mark of {begin} is not closed",
    ),
    (
        r"unknown escape character",
        lambda _found, _begin: "a backslash in double quotes: use single quotes, or write it twice",
    ),
    (
        r"parsing a block (?:mapping|collection)",
        lambda _found, begin: (
            f"wrong indentation, or `- ` is missing: it does not fit the block that begins on {begin}"
        ),
    ),
    (
        r"mapping values are not allowed",
        lambda _found, _begin: "a second `: ` in one line: put the value in quotes, or check the indentation",
    ),
    (r"could not find expected ':'", lambda _found, begin: f"`: ` is missing after the key of {begin}"),
    (
        r"found undefined alias '?([^']+)",
        lambda found, _begin: f"*{found[1]} is not defined above: a value with * needs quotes",
    ),
    (
        r"found character '(.)' that cannot start any token",
        lambda found, _begin: f"a value can't begin with {found[1]}: put it in quotes",
    ),
    (
        r"expected a single document",
        lambda _found, _begin: "a second document begins (`---`): one file is one document",
    ),
    (
        r"expected alphabetic or numeric character",
        lambda _found, _begin: "a value with * or & at its beginning needs quotes",
    ),
)
