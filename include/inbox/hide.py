"""Personal data and secrets out of a JSON document, before it is written anywhere.

As in a dataset's columns, what identifies (labels, ids, links, hosts, times) loses secrets and e-mail addresses only;
every other text loses personal data too. A value under a key that names a secret goes whole.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from include.config.redaction import Redaction
from include.redact import EVERYTHING, redact_column
from include.redact.rules import Rule, chosen

_SECRET_KEY = re.compile(
    r"(?i)(^|[_.-])(password|passwd|pwd|secret|token|authorization|cookie)$"
    r"|(password|secret|api[_-]?key|(access|auth|refresh|bearer)[_-]?token|client[_-]?secret|private[_-]?key)$"
)
_IDENTIFIES = re.compile(
    r"^(id|key|uid|url|uri|link|href|self|time|date|last_updated|.+_(id|key|url|uri|link|at|time|date)"
    r"|.*[a-z](Id|ID|Key|URL|Url|At|Time|Date)|labels|groupLabels|commonLabels|tags|fingerprint|alert_scope|host|hostname"
    r"|host_name|instance|node|pod|version|status|state|type|alertname)$"
)
_LONG_NUMBER = 10**11
_SECRET = "<secret>"  # noqa: S105  what takes a secret's place


def hidden(document: Any, redaction: Redaction = EVERYTHING) -> Any:
    """Return the document without secrets and personal data, with every text fit for UTF-8; twice changes nothing.

    `redaction` says which kinds are looked for, and which patterns of one's own.

    >>> hidden({"summary": "call +49 30 1234567", "labels": {"instance": "10.0.0.1:9100"}, "password": "x"})
    {'summary': 'call <phone>', 'labels': {'instance': '10.0.0.1:9100'}, 'password': '<secret>'}
    """
    texts: dict[bool, dict[str, None]] = {False: {}, True: {}}

    def note(text: str, identifies: bool) -> str:
        texts[identifies][text] = None
        return text

    _walk(document, identifies=False, change=note)
    secrets, everything = chosen(redaction)
    known = {one: _redacted(list(found), secrets if one else everything) for one, found in texts.items()}
    return _walk(document, identifies=False, change=lambda text, identifies: known[identifies][text])


def _redacted(texts: list[str], rules: Sequence[Rule]) -> dict[str, str]:
    clean = [text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode() for text in texts]
    column = redact_column(pa.array(clean, pa.string()), rules)[0]
    return dict(zip(texts, column.to_pylist(), strict=True))


def _walk(value: Any, *, identifies: bool, change: Callable[[str, bool], str]) -> Any:
    """Return a copy in which every text, key and long whole number is what `change` makes of it."""
    if isinstance(value, str):
        return change(value, identifies)
    if isinstance(value, list):
        return [_walk(one, identifies=identifies, change=change) for one in value]
    if isinstance(value, dict):
        out: dict[str, Any] = {}
        for key, inner in value.items():
            name = change(key, True)
            while name in out:
                name += "'"
            if _SECRET_KEY.search(key) and isinstance(inner, str | int | float) and not isinstance(inner, bool):
                out[name] = _SECRET
            else:
                below = identifies or _IDENTIFIES.match(key) is not None
                out[name] = _walk(inner, identifies=below, change=change)
        return out
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _LONG_NUMBER and not identifies:
        text = str(value)
        found = change(text, False)
        return value if found == text else found
    return value
