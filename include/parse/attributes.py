"""Columns of text as one column of canonical JSON objects: what a log line or a span says beside its own columns."""

import json
from collections.abc import Mapping

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

_WORTH = 4
"""A text that comes so often on average is quoted once."""
_CONTROL = "[\x00-\x1f]"


def attributes(columns: Mapping[str, pa.Array]) -> pa.Array:
    r"""Return a JSON object per row with sorted keys and no spaces; empty and null cells are absent, null if all are.

    It is what `canonical_labels` makes of one row, for all rows at once. The columns hold text and are equally long.

    >>> attributes({"pid": pa.array(["7", None]), "file": pa.array(['a"b', None])}).to_pylist()
    ['{"file":"a\\"b","pid":"7"}', None]
    """
    if not columns:
        raise ValueError("No column to make attributes of: there is no telling how many rows there are.")
    members = [_member(name, column) for name, column in sorted(columns.items())]
    always = next((at for at, member in enumerate(members) if not member.null_count), None)
    if always is not None:
        # The commas stand on the side of the member that every row has.
        sided = [
            pc.binary_join_element_wise(*((member, ",", "") if at < always else (",", member, "")))
            for at, member in enumerate(members)
            if at != always
        ]
        sided.insert(always, members[always])
        return pc.binary_join_element_wise("{", *sided, "}", "", null_handling="replace", null_replacement="")
    # Arrow's way to skip nulls loses a row that has nothing else, so each member brings its own comma.
    sided = [pc.binary_join_element_wise(",", member, "") for member in members]
    inside = pc.binary_join_element_wise(*sided, "", null_handling="replace", null_replacement="")
    inside = pc.if_else(pc.equal(inside, ""), None, pc.utf8_slice_codeunits(inside, 1))
    return pc.binary_join_element_wise("{", inside, "}", "")


def with_constants(column: pa.Array, constants: Mapping[str, str]) -> pa.Array:
    """Return JSON objects with what is the same for all added to each; what an object says itself wins.

    >>> with_constants(pa.array(['{"b":1}', None]), {"a": "x"}).to_pylist()
    ['{"a":"x","b":1}', '{"a":"x"}']
    """
    if not constants:
        return column
    encoded = column.fill_null("{}").dictionary_encode()
    decode, encode = msgspec.json.Decoder().decode, msgspec.json.Encoder(order="sorted").encode
    merged = [encode({**constants, **decode(text)}).decode() for text in encoded.dictionary.to_pylist()]
    return pa.array(merged, pa.string()).take(encoded.indices)


def merged(own: pa.Array, inside: pa.Array) -> pa.Array:
    """Return JSON objects of two columns joined row by row; where both say something, `own` wins.

    >>> merged(pa.array(['{"a":"1"}', None]), pa.array(['{"a":"2","b":"3"}', '{"c":"4"}'])).to_pylist()
    ['{"a":"1","b":"3"}', '{"c":"4"}']
    """
    either = pc.coalesce(own, inside)
    both = pc.and_(own.is_valid(), inside.is_valid())
    if not pc.any(both).as_py():
        return either
    decode, encode = msgspec.json.Decoder().decode, msgspec.json.Encoder(order="sorted").encode
    pairs = zip(own.filter(both).to_pylist(), inside.filter(both).to_pylist(), strict=True)
    joined = [encode({**decode(more), **decode(first)}).decode() for first, more in pairs]
    return pc.replace_with_mask(either, both, pa.array(joined, pa.string()))


def _member(name: str, column: pa.Array) -> pa.Array:
    """Return `"name":"text"` for each row, null for an empty cell."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    if len(encoded.dictionary) * _WORTH < len(column):
        return _cells(name, encoded.dictionary).take(encoded.indices)
    return _cells(name, column.cast(pa.string()))


def _cells(name: str, column: pa.Array) -> pa.Array:
    empty = pc.equal(column, "")
    quoted = _quoted(pc.if_else(empty, None, column) if pc.any(empty).as_py() else column)
    return pc.binary_join_element_wise(f'{json.dumps(name, ensure_ascii=False)}:"', quoted, '"', "")


def _quoted(column: pa.Array) -> pa.Array:
    hard = pc.fill_null(pc.match_substring_regex(column, _CONTROL), False)
    quoted = pc.replace_substring(pc.replace_substring(column, "\\", "\\\\"), '"', '\\"')
    if pc.any(hard).as_py():
        slow = [json.dumps(text, ensure_ascii=False)[1:-1] for text in column.filter(hard).to_pylist()]
        quoted = pc.replace_with_mask(quoted, hard, pa.array(slow, pa.string()))
    return quoted
