"""YAML 1.2 core scalars with a line and column for every value, and guards: text in, plain tree out.

What YAML 1.1 surprises with does not happen: ``no`` and ``1:30`` are words, ``010`` is ten, ``1e-3`` is a
number. Aliases, anchors, tags, several documents, duplicate keys, deep nesting and huge files are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

import yaml

from crlspec.errors import Issue, SpecError
from crlspec.spec.number_rows import OPEN, NumberRows, numbers

MAX_CHARACTERS = 40_000_000
MAX_VALUES = 1_000_000
MAX_ENTRIES = 100_000
MAX_DEPTH = 20
MAX_NUMBER = 400
"""Bounds of a text: its characters, values, values where a row of numbers counts as one, nesting, and the characters
of a number."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS = {
    **dict.fromkeys(("~", "null", "Null", "NULL", "")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_NUMERIC = frozenset("-+.0123456789")
"""What numbers begin with."""
_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no YAML text may hold."""

Path = tuple[str | int, ...]


class Mark(NamedTuple):
    """Where something stands: ``origin`` is a path or ``--set key``; line and column count from 1.

    ``offset`` is the index in the source text of the first character of a scalar's value, where it is known.
    """

    origin: str
    line: int | None = None
    column: int | None = None
    offset: int | None = None


@dataclass
class Source:
    """The marks of a text: of every value by its path, and of every key by the path of its value."""

    origin: str
    text: str = ""
    values: dict[Path, Mark] = field(default_factory=dict)
    keys: dict[Path, Mark] = field(default_factory=dict)

    def copy(self) -> Source:
        """The same marks, to be changed apart from these."""
        return Source(self.origin, self.text, dict(self.values), dict(self.keys))

    def value_at(self, path: Path) -> Mark:
        """The mark of a value, or of the nearest thing around it that is there."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path) or Mark(self.origin, 1, 1)

    def key_at(self, path: Path) -> Mark:
        """The mark of a key, or of the value where it has none."""
        return self.keys.get(path) or self.value_at(path)

    def inside(self, path: Path, offset: int) -> Mark:
        """The mark of a character inside a scalar, for errors in equations."""
        mark = self.value_at(path)
        if path not in self.values or mark.offset is None or not 0 <= mark.offset + offset <= len(self.text):
            return mark
        before = self.text[: mark.offset + offset]
        return Mark(mark.origin, before.count("\n") + 1, len(before) - before.rfind("\n"))


def scalar(text: str) -> Any:
    """A plain scalar by the YAML 1.2 core schema: None, bool, int, float or str.

    Raises ValueError for a number of more than 400 characters.
    """
    if text[:1] not in _NUMERIC:
        return _WORDS.get(text, text)
    whole, real = _INT.fullmatch(text), _FLOAT.fullmatch(text)
    based = None if real else _BASED.fullmatch(text)
    if (real or based) and len(text) > MAX_NUMBER:
        raise ValueError(f"the number has {len(text)} characters")
    if whole:
        return int(text)
    if real:
        return float(text)
    if based:
        return int(text, 0)
    if _SPECIAL.fullmatch(text):
        return float(text.replace(".", ""))
    return text


def read(text: str, origin: str) -> tuple[Any, Source]:
    """The tree of a text (mappings, tuples, scalars) and the marks of its parts.

    Raises SpecError with every guard's issue found.
    """
    source = Source(origin, text)
    refuse_size(len(text), origin)
    rows = NumberRows(text)
    builder = _Builder(source, rows)
    try:
        for event in yaml.parse(rows.text, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        builder.complain(mark, f"the text is not YAML: {error.problem or error.context}", _SYNTAX)
    except (yaml.reader.ReaderError, UnicodeEncodeError):
        builder.issues.append(_control_character(source))
    except _Enough:
        pass
    if builder.issues:
        raise SpecError(builder.issues)
    return builder.root, source


def refuse_size(characters: int, origin: str) -> None:
    """Raises SpecError where a text is longer than may be read; a file is asked before it is opened."""
    if characters > MAX_CHARACTERS:
        message = f"the text has {characters} characters; at most {MAX_CHARACTERS} are allowed."
        raise SpecError([Issue("error", message, "keep data in files of their own.", None, origin, 1, 1)])


def _control_character(source: Source) -> Issue:
    """The first character of a text that YAML does not allow, at its place."""
    found = _CONTROL.search(source.text)
    at = found.start() if found else 0
    line, column = source.text.count("\n", 0, at) + 1, at - source.text.rfind("\n", 0, at)
    code = f"U+{ord(source.text[at]):04X}" if source.text else "a character"
    message = f"the text is not YAML: it holds the control character {code}."
    remedy = "remove it, or write it as \\x in double quotes."
    return Issue("error", message, remedy, None, source.origin, line, column)


_SYNTAX = "check indentation, quotes and brackets; write key: value with a blank after the colon."


class _Enough(Exception):  # noqa: N818
    """Ends reading where going on could cost too much."""


@dataclass
class _Open:
    """A collection that is being read; ``key`` is the key whose value comes next."""

    container: dict[str, Any] | list[Any]
    path: Path
    key: str | None = None
    awaits_key: bool = True


class _Builder:
    """Builds tree and marks from parser events, without recursion."""

    def __init__(self, source: Source, rows: NumberRows) -> None:
        self.source, self.rows = source, rows
        self.root: Any = None
        self.stack: list[_Open] = []
        self.issues: list[Issue] = []
        self.documents = self.entries = self.values = 0

    def complain(self, mark: Any, message: str, remedy: str) -> None:
        """Keep an issue at a parser's mark."""
        line, column = (1, 1) if mark is None else (mark.line + 1, mark.column + 1)
        origin = self.source.origin
        self.issues.append(Issue("error", f"{message}.", remedy, path=origin, line=line, column=column))

    def take(self, event: yaml.Event) -> None:
        """Take the next parser event."""
        if isinstance(event, yaml.ScalarEvent):  # by far the most
            if event.anchor or event.tag:
                self._guard(event)
            self._scalar(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                remedy = "keep one spec per file; remove the line ---."
                self.complain(event.start_mark, "the text holds more than one document", remedy)
                raise _Enough
        elif isinstance(event, yaml.AliasEvent):
            remedy = "write the value out again."
            self.complain(event.start_mark, f"aliases (*{event.anchor}) are not allowed", remedy)
            self._put(None, event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._guard(event)
            self._open(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._close()

    def _guard(self, event: Any) -> None:
        if event.anchor:
            remedy = "remove the anchor and write each value out."
            self.complain(event.start_mark, f"anchors (&{event.anchor}) are not allowed", remedy)
        if event.tag:
            remedy = "remove the tag; nothing in a spec is ever executed."
            self.complain(event.start_mark, f"tags ({event.tag}) are not allowed", remedy)

    def _scalar(self, event: Any) -> None:
        frame = self.stack[-1] if self.stack else None
        row = self._row(event) if OPEN in event.value else None
        if frame is not None and frame.awaits_key and isinstance(frame.container, dict):
            if row is not None:
                self._no_key(event)
            self._key(event, frame)
            return
        value = event.value
        if row is not None:
            value = self._numbers(row, event)
        elif event.implicit[0]:
            try:
                value = scalar(value)
            except ValueError as error:
                self.complain(event.start_mark, str(error), f"use at most {MAX_NUMBER}.")
        self._put(value, event)

    def _row(self, event: Any) -> str | None:
        """The row of numbers that a plain scalar stands for; None for any other, whose rows are put back."""
        row = self.rows.row(event.value) if event.implicit[0] else None
        if row is None:
            event.value = self.rows.restored(event.value)
        return row

    def _numbers(self, row: str, event: Any) -> list[Any]:
        self._refuse_depth(event)
        for piece in row[1:-1].split(",") if len(row) > MAX_NUMBER else ():
            if len(piece.strip()) > MAX_NUMBER:
                message = f"the number has {len(piece.strip())} characters"
                self.complain(event.start_mark, message, f"use at most {MAX_NUMBER}.")
                return []
        found = numbers(row)
        self.values += len(found)
        return found

    def _key(self, event: Any, frame: _Open) -> None:
        assert isinstance(frame.container, dict)
        key = event.value
        if key in frame.container:
            first = self.source.keys[(*frame.path, key)]
            word = repr(key) if len(key) <= 60 else f"{key[:60]!r}…"
            message = f"the key {word} is given twice, first in line {first.line}"
            self.complain(event.start_mark, message, "keep one of them.")
        else:
            self.source.keys[(*frame.path, key)] = self._mark(event, None)
        frame.key, frame.awaits_key = key, False

    def _mark(self, event: Any, value: Any = "") -> Mark:
        """Where an event stands; with the offset of its first character where its value is a word."""
        start, end, offset = event.start_mark, event.end_mark, None
        if isinstance(value, str) and hasattr(event, "value"):
            raw = self.source.text[start.index : end.index]
            found = raw.find(event.value.rstrip("\n")) if event.value else -1
            offset = start.index + found if found >= 0 else None
        return Mark(self.source.origin, start.line + 1, start.column + 1, offset)

    def _put(self, value: Any, event: Any) -> Path:
        """Put a value where it belongs, and keep its mark; its path."""
        self.values += 1
        self.entries += 1
        if self.values > MAX_VALUES or self.entries > MAX_ENTRIES:
            beside = "" if self.values > MAX_VALUES else " beside rows of numbers"
            message = f"the text holds more than {MAX_VALUES if not beside else MAX_ENTRIES} values{beside}"
            self.complain(event.start_mark, message, "keep data in files of their own.")
            raise _Enough
        path: Path = ()
        if not self.stack:
            self.root = value
        else:
            frame = self.stack[-1]
            container = frame.container
            if isinstance(container, list):
                path = (*frame.path, len(container))
                container.append(value)
            elif frame.awaits_key:
                self._no_key(event)
            else:
                assert frame.key is not None
                path = (*frame.path, frame.key)
                container[frame.key] = value
                frame.awaits_key = True
        self.source.values[path] = self._mark(event, value)
        return path

    def _no_key(self, event: Any) -> NoReturn:
        self.complain(event.start_mark, "a key must be a plain word", "write key: value.")
        raise _Enough

    def _refuse_depth(self, event: Any) -> None:
        if len(self.stack) >= MAX_DEPTH:
            remedy = "write the spec flatter."
            self.complain(event.start_mark, f"the text is nested deeper than {MAX_DEPTH}", remedy)
            raise _Enough

    def _open(self, event: Any) -> None:
        self._refuse_depth(event)
        container: dict[str, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self.stack.append(_Open(container, self._put(container, event)))

    def _close(self) -> None:
        self.stack.pop()


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes what ``read`` reads back; words that YAML 1.1 or 1.2 would take for numbers are quoted."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))
_Dumper.add_implicit_resolver("tag:yaml.org,2002:int", _BASED, ["0"])


def write(tree: Any) -> str:
    """The tree as YAML: keys in their order, innermost collections on one line."""
    text: str = yaml.dump(
        tree, Dumper=_Dumper, sort_keys=False, default_flow_style=None, allow_unicode=True, width=10**6
    )
    return text


def copied(tree: Any) -> Any:
    """The tree with mappings and lists of its own."""
    if isinstance(tree, dict):
        return {key: copied(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [copied(value) if isinstance(value, dict | list) else value for value in tree]
    return tree


def paths(tree: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of all values of a tree, the root first."""
    yield path
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield from paths(value, (*path, key))
