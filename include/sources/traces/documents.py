"""JSON documents out of bytes: one document, or one on each line; and what is neither, as text."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from include.http.answer import read_json


@dataclass(frozen=True)
class Broken:
    """Text that is no JSON."""

    text: str


def documents(data: bytes) -> Iterator[Any]:
    """Yield the JSON documents of a file, and what is none of them as `Broken`; blank lines are nothing.

    A file that is no JSON as a whole is read line by line if any of its lines is a JSON object or list.
    """
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").strip()
    if not text:
        return
    found = _loads(text)
    if not isinstance(found, Broken):
        yield found
        return
    lines = [_loads(line) for line in text.split("\n") if line.strip()]
    if not any(isinstance(line, dict | list) and line for line in lines):
        yield found
        return
    yield from lines


def read_documents(body: bytes, where: str) -> list[Any]:
    """Return the JSON documents of an answer: one, or one on each line.

    Raises as `read_json` does: `Unavailable` for half an answer, `AnswerInvalid` for anything else that is no JSON.
    """
    found = list(documents(body))
    if not found or any(isinstance(one, Broken) for one in found):
        return [read_json(body, where)]
    return found


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return Broken(text)
