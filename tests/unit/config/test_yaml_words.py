"""What is wrong with YAML is said in plain words, with the line, and no parser's jargon."""

import re
from pathlib import Path

import pytest

from precache.config.document import read

JARGON = re.compile(r"token|scalar|block (?:end|mapping|collection)|flow |while (?:parsing|scanning)|<")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("kafka:\n  a: x\n clouds:\n  - b\n", 3, "wrong indentation"),
        ("kafka:\n  a: x\n   b: 1\n", 3, "check the indentation"),
        ("clouds:\n- name: a\n  topic: x\n name: b\n", 4, "wrong indentation"),
        ("kafka: {a: x\nb: 1\n", 2, "`{` of line 1 is not closed"),
        ("a: [1, 2\nb: 2\n", 2, "`[` of line 1 is not closed"),
        ("kafka:\n\ta: x\n", 2, "indent with spaces"),
        ('a: "x\nb: 1\n', 3, "the quotation mark of line 1 is not closed"),
        ("a: 'x\nb: 1\n", 3, "the quotation mark of line 1 is not closed"),
        ("a: *x\n", 1, "*x is not defined above"),
        ("a: b: c\n", 1, "put the value in quotes"),
        ("a: @x\n", 1, "a value can't begin with @"),
        ("a: `x\n", 1, "a value can't begin with `"),
        ('a: "c:\\w"\n', 1, "a backslash in double quotes"),
        ("a: 1\n---\nb: 2\n", 2, "one file is one document"),
        ("a: *\n", 1, "needs quotes"),
        ("a: 1\nb\nc: 2\n", 3, "`: `"),
    ],
)
def test_in_plain_words(tmp_path: Path, text: str, line: int, words: str) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text)
    document, _ = read(file, {})
    [error] = document.errors
    said = str(error)
    assert said.startswith(f"{file}:{line}: not valid YAML: ")
    assert words in said
    assert not JARGON.search(said.partition("YAML: ")[2])
