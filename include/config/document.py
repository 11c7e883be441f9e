"""A YAML file as plain data that still knows on which line each key stands.

Only the JSON-like part of YAML is read: mappings with unique text keys, lists, and scalars of the YAML 1.2 core
schema. So `NO` is Norway and not false, `17:30` is a time and not 1050, and dates stay text until a model asks.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from include.config.problem import Problem

KeyPath = tuple[str | int, ...]

MAX_NODES = 100_000
MAX_DEPTH = 60
_TAG = "tag:yaml.org,2002:"
_SCALAR_TAGS = {f"{_TAG}{kind}" for kind in ("str", "int", "float", "bool", "null", "timestamp", "value", "merge")}
_NULL = {"", "~", "null", "Null", "NULL"}
_TRUE = {"true", "True", "TRUE"}
_FALSE = {"false", "False", "FALSE"}
_INT = re.compile(r"[-+]?[0-9]{1,300}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(frozen=True)
class Place:
    """Where a value stands in its file: the line, from 1, and the path of keys as a person writes it."""

    line: int
    key: str


@dataclass
class Document:
    """One YAML document: its file's name, its data, and the place of every key path in it."""

    file: str
    data: object
    places: dict[KeyPath, Place] = field(default_factory=dict)

    def place(self, path: KeyPath) -> Place:
        """Return where `path` stands, or where the nearest enclosing key does."""
        for length in range(len(path), -1, -1):
            known = self.places.get(path[:length])
            if known is not None:
                rest = written(path[length:])
                return Place(known.line, f"{known.key}.{rest}" if known.key and rest else known.key or rest)
        return Place(1, written(path))

    def problem(self, path: KeyPath, found: str, allowed: str) -> Problem:
        """Return a problem that stands at `path`."""
        place = self.place(path)
        return Problem(self.file, place.line, place.key, found, allowed)

    def with_defaults(self, section: str) -> "Document":
        """Return this document with the keys of its `defaults` put into each entry of `section` that lacks them."""
        if not isinstance(self.data, dict):
            return self
        defaults, entries = self.data.get("defaults"), self.data.get(section)
        rest = {key: value for key, value in self.data.items() if key != "defaults"}
        if not isinstance(defaults, dict) or not isinstance(entries, dict):
            return Document(self.file, rest if defaults is None else self.data, self.places)
        places = dict(self.places)
        filled: dict[str, object] = {}
        for name, entry in entries.items():
            own = {} if entry is None else entry
            if not isinstance(own, dict):
                filled[name] = own
                continue
            filled[name] = {**defaults, **own}
            for path, place in self.places.items():
                if len(path) > 1 and path[0] == "defaults" and path[1] not in own:
                    places[(section, name, *path[1:])] = place
        return Document(self.file, {**rest, section: filled}, places)


def read_documents(path: Path, name: str) -> tuple[list[Document], list[Problem]]:
    """Read every YAML document of a file, called `name` in problems; a file that is absent holds none."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return [], []
    except UnicodeDecodeError as error:
        return [], [Problem(name, 1, "", f"a byte that is not UTF-8 ({error.reason})", "save the file as UTF-8")]
    except OSError as error:
        return [], [Problem(name, 1, "", f"a file that cannot be read ({error.strerror})", "a readable YAML file")]
    return parse_documents(text, name)


def parse_documents(text: str, name: str) -> tuple[list[Document], list[Problem]]:
    """Parse YAML text into documents; whatever is wrong with the text is a problem, never an exception."""
    documents: list[Document] = []
    problems: list[Problem] = []
    try:
        too_deep = _first_too_deep(text)
        if too_deep is not None:
            return [], [Problem(name, too_deep, "", "values nested too deeply", f"at most {MAX_DEPTH} levels")]
        for root in yaml.compose_all(text, Loader=yaml.CSafeLoader):
            builder = _Builder(name)
            data = builder.build(root, (), 0)
            problems += builder.problems
            documents.append(Document(name, data, builder.places))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        detail = error.problem or error.context or "something that is not YAML"
        problems.append(Problem(name, mark.line + 1 if mark else 1, "", f"broken YAML ({detail})", "valid YAML"))
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        detail = str(error).splitlines()[0] if str(error) else type(error).__name__
        problems.append(Problem(name, 1, "", f"broken YAML ({detail})", "valid YAML"))
    return documents, problems


def _first_too_deep(text: str) -> int | None:
    """Return the line that nests too deeply, if any: composing such a text would overflow libyaml's C stack."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                return event.start_mark.line + 1 if event.start_mark else 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return None


def written(path: KeyPath) -> str:
    """Return a key path as a person writes it.

    >>> written(("services", "cart", "aliases", 0))
    'services.cart.aliases[0]'
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{part}"
    return text


class _Builder:
    """Turns nodes into data, noting places; stops at aliases that never end or blow up."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.places: dict[KeyPath, Place] = {}
        self.problems: list[Problem] = []
        self.nodes = 0

    def build(self, node: Node, path: KeyPath, depth: int) -> object:
        self.places.setdefault(path, Place(node.start_mark.line + 1, written(path)))
        self.nodes += 1
        if self.nodes == MAX_NODES:
            self._problem(node, path, f"more than {MAX_NODES:,} values", "a smaller file, or fewer aliases")
        if self.nodes >= MAX_NODES:
            return None
        if depth > MAX_DEPTH:
            self._problem(
                node, path[:5], "a value nested too deeply", f"at most {MAX_DEPTH} levels and no alias to itself"
            )
            self.nodes = MAX_NODES
            return None
        if isinstance(node, MappingNode) and node.tag == f"{_TAG}map":
            return dict(self._pairs(node, path, depth))
        if isinstance(node, SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.build(item, (*path, index), depth + 1) for index, item in enumerate(node.value)]
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        self._problem(node, path, f"the tag {node.tag!r}", "plain YAML without tags")
        return None

    def _pairs(self, node: MappingNode, path: KeyPath, depth: int) -> Iterator[tuple[str, object]]:
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode) or key_node.value == "<<":
                self._problem(key_node, path, "a key that is not plain text", "text keys; no merge keys (<<)")
                continue
            key = str(key_node.value)
            if key in seen:
                self._problem(key_node, (*path, key), "the same key twice", f"one; the first is on line {seen[key]}")
                continue
            seen[key] = line
            self.places[(*path, key)] = Place(line, written((*path, key)))
            yield key, self.build(value_node, (*path, key), depth + 1)

    def _scalar(self, node: ScalarNode, path: KeyPath) -> object:
        if node.tag not in _SCALAR_TAGS:
            self._problem(node, path, f"the tag {node.tag!r}", "plain YAML without tags")
            return None
        quoted = node.style in {"'", '"', "|", ">"}
        return str(node.value) if quoted else core_scalar(str(node.value))

    def _problem(self, node: Node, path: KeyPath, found: str, allowed: str) -> None:
        self.problems.append(Problem(self.file, node.start_mark.line + 1, written(path), found, allowed))


_WORDS: Mapping[str, object] = {
    **dict.fromkeys(_NULL, None),
    **dict.fromkeys(_TRUE, True),
    **dict.fromkeys(_FALSE, False),
}


def core_scalar(text: str) -> object:
    """Return a plain scalar's value by the YAML 1.2 core schema."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text
