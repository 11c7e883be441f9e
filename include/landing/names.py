"""Names that come from configuration and sources, made safe as one part of a path, and back."""

from urllib.parse import quote, unquote

from include.errors import PermanentError

LONGEST = 200
"""Bytes of one quoted name; file systems allow 255 and a load needs some of them for its own ending."""


class UnsafeNameError(PermanentError):
    """A name that cannot be a folder, however it is quoted."""


def quoted(name: str) -> str:
    """Return `name` as one part of a path: no separators, no hidden or parent folders, never empty; reversible.

    >>> quoted("p99: api/cart")
    'p99%3A%20api%2Fcart'
    >>> quoted("..")
    '%2E.'

    Raises `UnsafeNameError` for an empty or overlong name.
    """
    text = quote(name, safe="")
    if text.startswith("."):
        text = "%2E" + text[1:]
    if not text or len(text) > LONGEST:
        raise UnsafeNameError(
            f"{name[:60]!r} cannot name a landing folder: it takes {len(text)} bytes, and 1 to {LONGEST} are possible. "
            "Give the source or the query a shorter name."
        )
    return text


def unquoted(part: str) -> str:
    """Return the name from which `quoted` made this part of a path."""
    return unquote(part)
