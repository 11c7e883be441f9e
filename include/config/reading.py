"""Data from a document into a model; every error that pydantic finds becomes a problem with its line."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Generic, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from include.config.document import Document, KeyPath, read_documents
from include.config.problem import Problem, one_of

M = TypeVar("M", bound=BaseModel)

GIVEN = frozenset({"name", "source"})
"""Fields that the key of an entry gives; nobody writes them into an entry itself."""


_MESSAGES = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "text; put it in quotes",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
}


@dataclass(frozen=True)
class Found(Generic[M]):
    """A value and where it stands."""

    value: M
    document: Document
    path: KeyPath

    def problem(self, key: KeyPath, found: str, allowed: str) -> Problem:
        """Return a problem at a key of this value."""
        return self.document.problem((*self.path, *key), found, allowed)


def read_file(folder: Path, name: str, sections: Mapping[str, bool]) -> tuple[Document, list[Problem]]:
    """Read a file that holds one mapping with only the given keys; `True` marks a key that holds named entries."""
    documents, problems = read_documents(folder / name, name)
    if len(documents) > 1:
        problems.append(Problem(name, documents[1].place(()).line, "", "a second document (---)", "one per file"))
    document = documents[0] if documents else Document(name, {})
    if document.data is None:
        document = Document(name, {})
    if not isinstance(document.data, dict):
        problems.append(document.problem((), shown(document.data), f"a mapping with {', '.join(sections)}"))
        return Document(name, {}), problems
    for key in document.data:
        if key not in sections:
            problems.append(document.problem((key,), f"unknown key {key!r}", one_of(key, list(sections))))
    for section, holds_entries in sections.items():
        value = document.data.get(section)
        if holds_entries and value is not None and not isinstance(value, dict):
            problems.append(document.problem((section,), shown(value), "a mapping: name → settings"))
    return document, problems


def read_entries(document: Document, section: str, model: type[M]) -> tuple[dict[str, Found[M]], list[Problem]]:
    """Read the named entries of a section.

    An entry with problems comes without its wrong keys where that is possible, so that what the others refer to, and
    what it refers to itself, is checked all the same.
    """
    found: dict[str, Found[M]] = {}
    problems: list[Problem] = []
    for name, data in entries_of(document, section).items():
        path: KeyPath = (section, name)
        given = {"name": name}
        value, wrong = validate(model, {} if data is None else data, document, path, given)
        problems += wrong
        if value is None and isinstance(data, dict):
            value = _what_is_right(model, {**data, **given})
        if value is not None:
            found[name] = Found(value, document, path)
    return found, problems


def _what_is_right(model: type[M], data: dict[str, object]) -> M | None:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        wrong = {detail["loc"][0] for detail in error.errors() if detail["loc"]}
    try:
        return model.model_validate({key: value for key, value in data.items() if key not in wrong})
    except ValidationError:
        return None


def entries_of(document: Document, section: str) -> Mapping[str, object]:
    """Return the raw entries of a section, by name."""
    data = document.data.get(section) if isinstance(document.data, dict) else None
    return data if isinstance(data, dict) else {}


def validate(
    model: type[M], data: object, document: Document, path: KeyPath, given: Mapping[str, str] | None = None
) -> tuple[M | None, list[Problem]]:
    """Return the value, or None and what is wrong with the data that stands at `path`."""
    problems: list[Problem] = []
    if given:
        if not isinstance(data, dict):
            return None, [document.problem(path, shown(data), f"a mapping with {', '.join(_keys(model))}")]
        problems = [_unknown_key(document, (*path, key), _keys(model)) for key in GIVEN & data.keys() & given.keys()]
        data = {**data, **given}
    try:
        return (model.model_validate(data), problems) if not problems else (None, problems)
    except ValidationError as error:
        details = error.errors(include_url=False)
        return None, problems + [_problem(detail, model, document, path) for detail in details]


def shown(value: object) -> str:
    """Return a value as a message shows it: short, and without a password."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    text = re.sub(r"//[^/@\s]*@", "//…@", str(value))
    short = text if len(text) <= 60 else f"{text[:57]}…"
    return repr(short) if isinstance(value, str) else short


def _problem(detail: ErrorDetails, model: type[BaseModel], document: Document, path: KeyPath) -> Problem:
    loc = tuple(part for part in detail["loc"] if part != "[key]")
    at = (*path, *loc)
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(document, at, _keys(_annotation_at(model, loc[:-1])))
    if kind == "missing":
        description = _description(model, loc)
        keys = _keys(_annotation_at(model, loc[:-1]))
        return document.problem(at, "nothing", description or f"a value; the keys here are {', '.join(keys)}")
    if kind == "literal_error":
        options = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        return document.problem(at, shown(detail["input"]), one_of(str(detail["input"]), options))
    message = _MESSAGES.get(kind, detail["msg"].removeprefix("Value error, "))
    if kind == "value_error" and isinstance(detail["input"], dict):
        keys = [key for key in detail["input"] if key not in GIVEN]
        return document.problem(at, f"the keys {', '.join(keys)}" if keys else "nothing", message)
    if kind in {"model_type", "model_attributes_type", "dict_type"}:
        keys = _keys(_annotation_at(model, loc))
        message = f"a mapping with {', '.join(keys)}" if keys else "a mapping"
    return document.problem(at, shown(detail["input"]), message.removeprefix("Input should be "))


def _unknown_key(document: Document, path: KeyPath, keys: list[str]) -> Problem:
    key = str(path[-1])
    return document.problem(path, f"unknown key {key!r}", one_of(key, keys))


def _description(model: type[BaseModel], loc: tuple[int | str, ...]) -> str:
    owner = _model_of(_annotation_at(model, loc[:-1]))
    for name, info in owner.model_fields.items() if owner else ():
        if loc and loc[-1] in {name, info.alias}:
            return info.description or ""
    return ""


def _keys(annotation: Any) -> list[str]:
    """Return the keys that a person may write where this model stands."""
    model = _model_of(annotation)
    if model is None:
        return []
    return [info.alias or name for name, info in model.model_fields.items() if name not in _given(model)]


def _given(model: type[BaseModel]) -> frozenset[str]:
    return GIVEN if "name" in model.model_fields and model.model_config.get("alias_generator") is None else frozenset()


def _annotation_at(annotation: Any, loc: tuple[int | str, ...]) -> Any:
    for part in loc:
        model = _model_of(annotation)
        if model is not None:
            fields = {info.alias or name: info for name, info in model.model_fields.items()}
            annotation = fields[str(part)].annotation if str(part) in fields else None
        else:
            inner = [argument for argument in get_args(_plain(annotation)) if argument is not Ellipsis]
            annotation = inner[-1] if inner else None
    return annotation


def _model_of(annotation: Any) -> type[BaseModel] | None:
    plain = _plain(annotation)
    return plain if isinstance(plain, type) and issubclass(plain, BaseModel) else None


def _plain(annotation: Any) -> Any:
    """Strip `Annotated` and `| None` from a type."""
    while get_origin(annotation) in {Annotated, Union, UnionType}:
        choices = [argument for argument in get_args(annotation) if argument is not type(None)]
        annotation = choices[0]
    return annotation
