r"""JSON may write characters as escapes, which are read before anything is sought: `jane\u0040example.org`."""

import re

import pyarrow as pa
import pyarrow.compute as pc

_HINT = "\\u00"
# An even number of backslashes before it is that many characters, and no part of the escape.
_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)\\u00([2-7][0-9A-Fa-f])")
_STAY = frozenset('"\\\x7f')
"""What must stay escaped for the JSON around it to stay whole."""


def unescaped(texts: pa.Array) -> pa.Array:
    r"""Return texts in which printable ASCII characters stand for themselves; the very array where none is escaped.

    >>> unescaped(pa.array(['{"to":"jane\\u0040example.org"}']))[0].as_py()
    '{"to":"jane@example.org"}'
    """
    hit = pc.fill_null(pc.match_substring(texts, _HINT), False)
    if not pc.any(hit).as_py():
        return texts
    plain = [_ESCAPE.sub(_character, text) for text in texts.filter(hit).to_pylist()]
    return pc.replace_with_mask(texts, hit, pa.array(plain, texts.type))


def _character(found: re.Match[str]) -> str:
    character = chr(int(found[2], 16))
    return found[0] if character in _STAY else found[1] + character
