"""Log lines of one window → the lines that are kept, exact counts of all of them, and their templates.

The steps: look into messages that are JSON, normalise levels, find templates, class each line, keep CRITICAL and
INTERESTING lines whole and a share of the ROUTINE ones. A pure function of the rows, whatever their order.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from include.config.logs import LogRules
from include.errors import PermanentError
from include.parse.classes import CLASSES, ROUTINE, classes_of
from include.parse.judged import BY_LEVEL, Ints, Judged, Pairs
from include.parse.levels import LEVELS, normalised_levels
from include.parse.sampling import kept
from include.parse.structured import Columns, with_what_is_inside
from include.parse.template import Templates, templates_of
from include.parse.text_hash import combined, text_hashes


class TooMuchTextError(PermanentError):
    """A window whose texts do not fit one column."""


@dataclass(frozen=True)
class Digest:
    """What is stored of the lines of one window; the schemas are in `judged.py`.

    `events`: the kept lines, in order of time. `summary`: counts of all lines per minute, service, level, class and
    template; bytes are those of the messages as they came, in UTF-8. `templates`: one row each, with the worst level
    and class that its lines have, and the earliest line as its example.
    """

    events: pa.Table
    summary: pa.Table
    templates: pa.Table


def digest(good: pa.Table, *, resolve: Callable[[str], str], rules: LogRules) -> Digest:
    """Return the digest of lines of the `log_event` contract, redacted and unique by its key; times are never null.

    `resolve` gives the service of an alias; it is called once per distinct alias, with "" where there is none.
    Raises `TooMuchTextError` where a column of the window holds more than 2 GiB.
    """
    size = pc.fill_null(pc.binary_length(_flat(good["message"])), 0).cast(pa.int64())
    columns = with_what_is_inside({name: _flat(good[name]) for name in good.column_names})
    with ThreadPoolExecutor(1) as beside:  # both are RE2's work, which needs no lock of Python's
        levels = beside.submit(normalised_levels, columns["level"], columns["message"])
        templates = templates_of(columns["message"])
    pairs = _pairs(templates, levels.result(), rules)
    routine = pairs.log_class[pairs.of_lines] == CLASSES.index(ROUTINE)
    stays = _stays(columns, templates, routine, rules.routine_sample)
    aliases = _aliases(columns["service"])
    services = pa.array([resolve(alias) for alias in aliases.dictionary.to_pylist()], pa.string())
    lines = Judged(columns, size, aliases, services, templates, pairs, stays)
    return Digest(lines.events(), lines.summary(), lines.seen())


def _pairs(templates: Templates, level: pa.DictionaryArray, rules: LogRules) -> Pairs:
    codes = pc.fill_null(pc.index_in(level.dictionary, pa.array(LEVELS)).take(level.indices), -1).to_numpy() + 1
    template = templates.codes.to_numpy().astype(np.int64)
    key: Ints = template * len(BY_LEVEL) + codes
    size = len(templates.texts) * len(BY_LEVEL)
    found = np.flatnonzero(np.bincount(key, minlength=size))
    place = np.zeros(size, np.int64)
    place[found] = np.arange(len(found))
    of_template, of_level = found // len(BY_LEVEL), found % len(BY_LEVEL)
    classes = classes_of(
        templates.texts.take(pa.array(of_template)),
        pa.array(BY_LEVEL).take(pa.array(of_level)),
        pa.array(np.bincount(template, minlength=len(templates.texts))[of_template]),
        rules,
    )
    ranks = pc.index_in(classes, pa.array(CLASSES)).to_numpy().astype(np.int64)
    return Pairs(of_template, of_level, ranks, place[key])


def _aliases(service: pa.Array) -> pa.DictionaryArray:
    """Return what the source calls the service of each line, each name once in the dictionary; "" where it has none."""
    encoded = service if pa.types.is_dictionary(service.type) else service.dictionary_encode()
    texts = pa.concat_arrays([pc.fill_null(encoded.dictionary.cast(pa.string()), ""), pa.array([""])])
    unique = texts.dictionary_encode()
    codes = unique.indices.take(pc.fill_null(encoded.indices, len(texts) - 1))
    return pa.DictionaryArray.from_arrays(codes, unique.dictionary)


def _stays(columns: Columns, templates: Templates, routine: NDArray[np.bool_], share: float) -> NDArray[np.bool_]:
    """Return which lines are kept."""
    rows = np.flatnonzero(routine)
    take = pa.array(rows)
    trace = columns["trace_id"].take(take)
    draws = np.zeros(len(rows), np.uint64)
    alone = np.flatnonzero(trace.is_null().to_numpy(zero_copy_only=False))
    at = pa.array(rows[alone])
    draws[alone] = combined(
        _hashes(columns["service"].take(at)),
        templates.ids.take(templates.codes.take(at)).to_numpy().view(np.uint64),
        columns["ts"].take(at).cast(pa.int64()).to_numpy().view(np.uint64),
        text_hashes(columns["message"].take(at)),
    )
    stays = np.ones(len(routine), dtype=bool)
    stays[rows] = kept(trace, draws, share)
    return stays


def _hashes(labels: pa.Array) -> NDArray[np.uint64]:
    """Return the hash of each text of a dictionary-encoded column; a null one hashes as the empty text."""
    encoded = labels if pa.types.is_dictionary(labels.type) else labels.dictionary_encode()
    texts = pa.concat_arrays([encoded.dictionary.cast(pa.string()), pa.array([""])])
    return text_hashes(texts)[pc.fill_null(encoded.indices, len(texts) - 1).to_numpy()]


def _flat(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return the column in one piece."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(whole, pa.ChunkedArray):
        raise TooMuchTextError("The lines of one window hold more than 2 GiB of text. Load it in smaller windows.")
    return whole
