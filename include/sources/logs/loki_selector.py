"""The stream selector of a LogQL query: where it stands, and the same query over fewer streams."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence

MOST_VALUES = 100
"""Values in one matcher: more of them make an address that proxies refuse."""
_SELECTOR = re.compile(r"""\{(?:[^"`}]|"(?:[^"\\]|\\.)*"|`[^`]*`)*\}""", re.DOTALL)
_BEFORE = re.compile(r"(?:[\s(]|#[^\n]*\n)*")


def selector_of(expr: str) -> str:
    """Return the stream selector with which a log query begins.

    Raises `ValueError` where it begins with none.

    >>> selector_of('{app="}", env=~`a{2}`} |= "x{y}"')
    '{app="}", env=~`a{2}`}'
    """
    return _found(expr)[0]


def narrowed(expr: str, matchers: Iterable[str]) -> str:
    """Return a log query over the streams that satisfy more matchers.

    >>> narrowed('{app="cart"} |= "error"', ['pod=~"a|b"'])
    '{app="cart",pod=~"a|b"} |= "error"'
    """
    found = _found(expr)
    inside = found[0][1:-1].strip().rstrip(",")
    selector = "{" + ",".join([*([inside] if inside else []), *matchers]) + "}"
    return expr[: found.start()] + selector + expr[found.end() :]


def halves(streams: Sequence[Mapping[str, str]]) -> tuple[str, str] | None:
    """Return two matchers that split streams by the label in which they differ most; None where all are equal.

    The second is the first one's negation, so a stream that is not among these is in exactly one half too.

    >>> halves([{"app": "cart", "pod": "a"}, {"app": "cart", "pod": "b"}])
    ('pod=~"a"', 'pod!~"a"')
    """
    names = sorted({name for stream in streams for name in stream})
    values = {name: sorted({stream.get(name, "") for stream in streams}) for name in names}
    best = max(names, key=lambda name: len(values[name]), default="")
    if not best or len(values[best]) < 2:
        return None
    first = values[best][: min(len(values[best]) // 2, MOST_VALUES)]
    pattern = json.dumps("|".join(re.escape(value) for value in first), ensure_ascii=False)
    return f"{best}=~{pattern}", f"{best}!~{pattern}"


def _found(expr: str) -> re.Match[str]:
    before = _BEFORE.match(expr)
    found = _SELECTOR.match(expr, before.end() if before else 0)
    if found is None:
        raise ValueError(f"{expr!r} does not begin with a stream selector such as {{app=~'.+'}}")
    return found
