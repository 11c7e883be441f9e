"""A delivery's body → JSON, whatever somebody sends: no document may cost more than its own length."""

import json
from typing import Any

from include.errors import AlmanacError

DEEPEST = 64
"""Levels of lists and objects; deeper documents are nobody's alert."""


class BodyError(AlmanacError):
    """A body that is not JSON, or none that anybody would send in good faith."""


def parse_body(body: bytes) -> Any:
    """Return the document. Raises `BodyError` with a sentence for what is no JSON (nor is NaN) or too deep."""
    try:
        document = json.loads(body.decode("utf-8-sig"), parse_constant=_no_number)
    except UnicodeDecodeError:
        raise BodyError("The body is not UTF-8. Send JSON in UTF-8.") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise BodyError(f"The body is not JSON: {str(error)[:100]}.") from None
    level = [document]
    for _ in range(DEEPEST + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return document
    raise _too_deep()


def at_path(document: Any, path: str) -> Any:
    """Return what stands at a dotted path of keys, or None; a part that is a number may be a place in a list.

    >>> at_path({"a": [{"b": 1}]}, "a.0.b")
    1
    """
    for step in path.split("."):
        if isinstance(document, dict):
            document = document.get(step)
        elif isinstance(document, list) and step.isascii() and step.isdecimal() and int(step[:9]) < len(document):
            document = document[int(step[:9])]
        else:
            return None
    return document


def _too_deep() -> BodyError:
    return BodyError(f"The body is nested deeper than {DEEPEST} levels. Send a flatter document.")


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number in JSON")
