"""Reads JSON out of an answer, and says what came instead when it is none."""

import json
from typing import Any

from include.http.errors import AnswerInvalid, Unavailable


def read_json(body: bytes, where: str) -> Any:
    """Return the parsed answer.

    Raises `Unavailable` when it ends in the middle (a later answer may be whole) and `AnswerInvalid` when it is HTML,
    empty or other text; both quote at most 80 characters of it.
    """
    text = body.strip()
    if text[:1] == b"<":
        raise AnswerInvalid(
            where,
            f"answered with HTML instead of JSON: {excerpt(text)}",
            "Check that the address is that of the API, and that no sign-in page or proxy stands before it",
        )
    if not text:
        raise AnswerInvalid(where, "answered with nothing instead of JSON", "Check that the address is that of the API")
    try:
        return json.loads(text)
    except RecursionError:
        raise AnswerInvalid(
            where, f"answered with JSON that is nested too deep: {excerpt(text)}", "Find what writes such values"
        ) from None
    except ValueError as error:
        if _is_cut(text, error):
            raise Unavailable(
                where,
                f"sent half an answer: its JSON ends after {len(body):,} bytes with {excerpt(text[-40:])}",
                "Ask again; if it stays, look for a proxy that cuts long answers",
            ) from None
        raise AnswerInvalid(
            where,
            f"answered with text that is no JSON ({error}): {excerpt(text)}",
            "Check that the address is that of the API",
        ) from None


def excerpt(text: bytes, length: int = 80) -> str:
    """Return the first characters of an answer, quoted, on one line."""
    return repr(" ".join(text[: 4 * length].decode("utf-8", "replace").split())[:length])


def _is_cut(text: bytes, error: ValueError) -> bool:
    if text[:1] not in b"{[":
        return False
    at_end = isinstance(error, json.JSONDecodeError) and error.pos >= len(error.doc)
    return at_end or text[-1:] not in b"}]"
