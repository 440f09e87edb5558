"""A configuration file as plain values, with the line of each key, environment variables filled in, and its errors.

What YAML 1.1 is known to surprise with is read as YAML 1.2 reads it: ``yes``, ``no``, ``on``, ``off``, ``12:30`` and
``2026-11-22`` are text, and so is a number with leading zeros. A model that wants a boolean takes ``yes`` all the same.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, Final

import yaml

from precache.config import yaml_words
from precache.config.errors import FileError, Path, path_text
from precache.config.variables import VARIABLE, in_place
from precache.runtime.masking import MASK, mask_text

MAX_FILE_BYTES: Final = 1024 * 1024
# Aliases may repeat a node without end; a file of precache has some hundred values.
MAX_VALUES: Final = 50_000
MAX_DEPTH: Final = 30
# A secret shorter than this would be found all over the texts that it is to be masked in.
MIN_MASKED_CHARS: Final = 4

_VARIABLE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BETWEEN_PIECES: Final = re.compile(r"[:/@,]")
# What stands in for an unset variable, so that the rest can be checked too: fits where a word or a number is wanted.
_STAND_IN: Final = "1"
_TAG: Final = "tag:yaml.org,2002:"


class _Loader(yaml.SafeLoader):
    """Reads scalars as YAML 1.2's core schema does, but for leading zeros, which stay text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own shape


for _name, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(rf"^(?:{_pattern})$"), _first)


class Map(dict[str, Any]):
    """A mapping of the file that knows where it stands, so that a model can name its errors."""

    def __init__(self, document: "Document", path: Path) -> None:
        super().__init__()
        self.document = document
        self.path = path


@dataclass(slots=True)
class Document:
    """One file: its values, where they stand, and what was found wrong so far.

    Attributes:
        name: the file's name as the user gave it.
        folder: relative ``*_file`` paths start here.
        lines: the line of each key path.
        unusable: key paths whose value is known to be wrong: nothing more is said about them.
        masks: values that no text may show, with what stands in their place.
    """

    name: str
    folder: FilePath
    environ: Mapping[str, str] = field(repr=False)
    lines: dict[Path, int] = field(default_factory=dict)
    errors: list[FileError] = field(default_factory=list)
    unusable: set[Path] = field(default_factory=set)
    masks: dict[str, str] = field(default_factory=dict, repr=False)
    _noted: set[FileError] = field(default_factory=set, repr=False)

    def error(self, path: Path, text: str, *, line: int | None = None) -> None:
        """Note an error of the key at this path; secrets are masked out of its text."""
        error = FileError(self.name, self.line(path) if line is None else line, path_text(path), self._masked(text))
        # Kept beside the list, which would be searched anew for each error of a long file.
        if error not in self._noted:
            self._noted.add(error)
            self.errors.append(error)

    def line(self, path: Path) -> int:
        """Return the line of a key path, or of the nearest key above it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def keep_secret(self, value: str, shown_as: str = MASK) -> None:
        """Take this value out of every text from now on."""
        # A parser of URLs may quote a piece of one: `as 'password'`, when a slash stands in it.
        credentials = value.rpartition("@")[0].partition("://")[2]
        for secret in (value, *_BETWEEN_PIECES.split(credentials)):
            if len(secret) >= MIN_MASKED_CHARS:
                self.masks.setdefault(secret, shown_as)

    def _masked(self, text: str) -> str:
        for value in sorted(self.masks, key=len, reverse=True):
            text = text.replace(value, self.masks[value])
        return mask_text(text)


def read(path: FilePath, environ: Mapping[str, str] | None = None) -> tuple[Document, Any]:
    """Read a file; what is wrong with it stands in the document's ``errors``. The value is None when there is none."""
    document = Document(str(path), path.parent, os.environ if environ is None else environ)
    text = _text(document, path)
    node = None if text is None else _compose(document, text)
    if node is None:
        return document, None
    document.lines[()] = node.start_mark.line + 1
    value = _Builder(document).build(node)
    return document, value


def _text(document: Document, path: FilePath) -> str | None:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        document.error((), f"cannot be read: {error.strerror}", line=0)
        return None
    if len(raw) > MAX_FILE_BYTES:
        document.error((), f"is larger than {MAX_FILE_BYTES} bytes: is this the right file?", line=0)
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        document.error((), "is not UTF-8 from here on", line=raw[: error.start].count(b"\n") + 1)
        return None


def _compose(document: Document, text: str) -> yaml.Node | None:
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        document.error((), f"not valid YAML: {yaml_words.problem(error)}", line=mark.line + 1 if mark else 0)
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        document.error((), f"not valid YAML: the character #x{int(str(error.character)):04x} is not allowed", line=line)
    except RecursionError:
        document.error((), f"nested more than {MAX_DEPTH} deep", line=0)
    else:
        if node is None:
            document.error((), "is empty", line=0)
        return node
    return None


class _TooMuchError(Exception):
    """The file's aliases or nesting make more values than any configuration has."""


class _Builder:
    """Makes plain values of YAML's nodes."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._values = 0

    def build(self, node: yaml.Node) -> Any:
        """Return the values of a whole file; None, with an error noted, when there are too many."""
        try:
            return self._value(node, (), 0)
        except _TooMuchError as error:
            self._document.error((), str(error), line=0)
            return None

    def _value(self, node: yaml.Node, path: Path, depth: int) -> Any:
        self._count(depth)
        if isinstance(node, yaml.CollectionNode) and node.tag not in {_TAG + "map", _TAG + "seq"}:
            self._unknown_tag(node, path)
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            return self._sequence(node, path, depth)
        return self._scalar(node, path)

    def _count(self, depth: int) -> None:
        self._values += 1
        if depth > MAX_DEPTH:
            raise _TooMuchError(f"nested more than {MAX_DEPTH} deep")
        if self._values > MAX_VALUES:
            raise _TooMuchError(f"holds more than {MAX_VALUES} values, its aliases written out")

    def _sequence(self, node: yaml.SequenceNode, path: Path, depth: int) -> list[Any]:
        items = []
        for index, item in enumerate(node.value):
            self._document.lines[(*path, index)] = item.start_mark.line + 1
            items.append(self._value(item, (*path, index), depth + 1))
        return items

    def _mapping(self, node: yaml.MappingNode, path: Path, depth: int) -> Map:
        result = Map(self._document, path)
        for key_node, value_node, merged in self._pairs(node, path, depth):
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._document.error(path, "a key should be plain text", line=line)
                continue
            # Keys are always text: `on:` and `1:` are what stands there.
            key = str(key_node.value)
            key_path = (*path, key)
            if key not in result:
                self._document.lines[key_path] = line
                result[key] = self._value(value_node, key_path, depth + 1)
            elif not merged:
                self._document.error(key_path, f"given twice; first on line {self._document.line(key_path)}", line=line)
        return result

    def _pairs(
        self, node: yaml.MappingNode, path: Path, depth: int, *, merged: bool = False
    ) -> Iterator[tuple[yaml.Node, yaml.Node, bool]]:
        """Yield a mapping's own keys, then those of ``<<: *anchor``, which give way to its own."""
        self._count(depth)
        merges = []
        for key_node, value_node in node.value:
            if key_node.tag == _TAG + "merge":
                merges.append(value_node)
            else:
                if merged:
                    # Most of them may give way to others, and never become a value: they cost time all the same.
                    self._count(depth)
                yield key_node, value_node, merged
        for value_node in merges:
            for source in value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]:
                if isinstance(source, yaml.MappingNode):
                    yield from self._pairs(source, path, depth + 1, merged=True)
                else:
                    line = value_node.start_mark.line + 1
                    self._document.error(path, "'<<' takes a mapping, such as *anchor", line=line)

    def _scalar(self, node: yaml.Node, path: Path) -> Any:
        kind = node.tag.removeprefix(_TAG)
        text = str(node.value)
        if kind == "str":
            return self._filled(text, path)
        if kind == "null":
            return None
        if kind == "bool" and text.lower() in {"true", "false"}:
            return text.lower() == "true"
        try:
            if kind == "int":
                return int(text, 16 if text.startswith("0x") else 10)
            if kind == "float":
                return float(text)
        except ValueError:
            pass
        if kind in {"bool", "int", "float"}:
            self._document.unusable.add(path)
            self._document.error(path, f"is not a value of type !!{kind}")
        else:
            self._unknown_tag(node, path)
        return None

    def _unknown_tag(self, node: yaml.Node, path: Path) -> None:
        self._document.unusable.add(path)
        self._document.error(path, f"the YAML tag {node.tag!r} is not known here: write a plain value")

    def _filled(self, text: str, path: Path) -> str:
        """Return the text with its ``${VAR}`` replaced; ``$${`` stands for ``${`` itself."""
        if "${" not in text:
            return text
        errors = len(self._document.errors)
        filled = VARIABLE.sub(lambda match: self._variable(match, path), text)
        if len(self._document.errors) > errors and VARIABLE.fullmatch(text):
            self._document.unusable.add(path)
        return filled

    def _variable(self, match: re.Match[str], path: Path) -> str:
        if match[0] == "$${":
            return "${"
        name, dash, default = match[1].partition(":-")
        if not match[2]:
            self._document.error(path, "'${' without its '}'; write '$${' for the two characters themselves")
            return _STAND_IN
        if not _VARIABLE_NAME.fullmatch(name):
            self._document.error(path, "'${...}' should hold a variable's name; write '$${' for '${' itself")
            return _STAND_IN
        value = self._document.environ.get(name, "")
        if value:
            placed = in_place(match.string, match.start(), match.end(), value)
            for form in {value, placed}:
                self._document.keep_secret(form, f"${{{name}}}")
            return placed
        if dash and default:
            return in_place(match.string, match.start(), match.end(), default)
        state = "empty" if name in self._document.environ else "not set"
        self._document.error(path, f"the environment variable {name} is {state}")
        return _STAND_IN
