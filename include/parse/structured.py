"""Messages that are themselves JSON objects: their text, level, service, host, logger and trace, and all else."""

import pyarrow as pa
import pyarrow.compute as pc

from include.parse.attributes import merged
from include.parse.json_lines import JsonLines
from include.parse.moments import Clues

Columns = dict[str, pa.Array]
_OBJECTS = JsonLines()


def with_what_is_inside(columns: Columns) -> Columns:
    """Return columns of the `log_event` contract in which messages that are JSON objects have become their texts.

    What the source itself said of level, service, host, logger and trace stays; only what is null is filled. An object
    without a text stays as it is, and so does what is no object.
    """
    like = pc.fill_null(pc.match_substring_regex(columns["message"], r"(?s)^\s*\{.*\}\s*$"), False)
    if not pc.any(like).as_py():
        return columns
    found = _OBJECTS.read(columns["message"].filter(like), Clues())
    mask = like.to_numpy(zero_copy_only=False).copy()
    mask[mask] = found.fit
    if not mask.any():
        return columns
    out = dict(columns)
    for name, texts in found.texts.items():
        own = columns[name].cast(pa.string())
        empty = own if name == "message" else pa.nulls(len(mask), pa.string())
        inside = pc.replace_with_mask(empty, mask, texts)
        join = merged if name == "attributes" else pc.coalesce
        filled = inside if name == "message" else join(own, inside)
        out[name] = filled.dictionary_encode() if pa.types.is_dictionary(columns[name].type) else filled
    return out
