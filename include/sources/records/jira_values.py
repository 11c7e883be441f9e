"""Values of Jira's fields as text: plain ones, named things, lists of them, and documents in its own format (ADF)."""

from typing import Any

from include.sources.records.said import text_or_none

_BLOCKS = frozenset({"paragraph", "heading", "codeBlock", "blockquote", "listItem", "tableRow", "panel", "rule"})
_NAMES = ("name", "value", "displayName", "key")


def plain(value: Any) -> str | None:
    """Return a field as text, None where it says nothing.

    >>> plain([{"name": "Cart"}, {"name": "Checkout"}])
    'Cart,Checkout'
    """
    if isinstance(value, dict):
        if value.get("type") == "doc":
            return document_text(value)
        return next((found for name in _NAMES if (found := plain(value.get(name)))), None)
    if isinstance(value, list):
        return ",".join(found for one in value if (found := plain(one))) or None
    return text_or_none(value)


def document_text(document: Any) -> str | None:
    """Return the text of an Atlassian document: a line for each block, what has no text by its address or name.

    The format: https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/.
    """
    parts: list[str] = []
    waiting = [document]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            parts.append(node)
        if not isinstance(node, dict):
            continue
        given, kind = node.get("attrs"), node.get("type")
        attributes: dict[str, Any] = given if isinstance(given, dict) else {}
        own = node.get("text") or next(
            (attributes[key] for key in ("text", "url", "shortName") if key in attributes), ""
        )
        parts.append("\n" if kind == "hardBreak" else own if isinstance(own, str) else "")
        content = node.get("content")
        waiting += ["\n"] if kind in _BLOCKS else []
        waiting += reversed(content) if isinstance(content, list) else []
    lines = (line.strip() for line in "".join(parts).splitlines())
    return text_or_none("\n".join(line for line in lines if line))
