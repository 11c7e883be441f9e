"""Times of which nobody says how they are written: texts in any form that logs use, and numbers since 1970."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.datasets import UTC_TIME
from include.parse.moments import CLF, COMPACT, CTIME, DAY_FIRST, ISO, SHORT_YEAR, Clues, utc_times

_WAYS = tuple(
    (moment, rf"^\s*(?:[A-Z][a-z]{{2}}, )?{moment.pattern}\s*$", names)
    for moment, names in (
        (ISO, ("ts", "frac", "zone")),
        (DAY_FIRST, ("ts", "frac", "zone")),
        (CLF, ("ts", "zone")),
        (CTIME, ("ts", "frac", "year")),
        (SHORT_YEAR, ("ts", "frac", "zone")),
        (COMPACT, ("ts",)),
    )
)
_NUMBER = r"^\s*-?\d{1,20}(?:\.\d{0,20})?(?:[eE]\+?\d{1,2})?\s*$"
_LATEST = 250_000_000_000.0  # the year 9892, in seconds


def any_times(values: Sequence[str | float | None], clues: Clues) -> pa.Array:
    """Return texts and numbers as UTC times, null for what is neither; a text without a zone is of `clues.zone`.

    A number counts seconds, milliseconds, microseconds or nanoseconds, whichever gives a time of this age: up to
    eleven digits are seconds (until the year 5138), up to fourteen milliseconds, and so on.
    """
    text = pa.array([value if isinstance(value, str) else None for value in values], pa.string())
    found = pa.nulls(len(text), UTC_TIME)
    for moment, pattern, names in _WAYS:
        wanted = pc.and_(found.is_null(), text.is_valid())
        if not pc.any(wanted).as_py():
            break
        struct = pc.extract_regex(pc.if_else(wanted, text, None), pattern)
        fit = struct.is_valid()
        if pc.any(fit).as_py():
            parts = dict(zip(names, struct.drop_null().flatten(), strict=True))
            found = pc.replace_with_mask(found, fit, utc_times(parts, moment, clues))
    wanted = pc.and_(found.is_null(), pc.fill_null(pc.match_substring_regex(text, _NUMBER), False))
    numbers = np.array([value if isinstance(value, float | int) else np.nan for value in values], np.float64)
    if pc.any(wanted).as_py():
        numbers[wanted.to_numpy(zero_copy_only=False)] = (
            pc.utf8_trim_whitespace(text.filter(wanted)).cast(pa.float64()).to_numpy(zero_copy_only=False)
        )
    return pc.coalesce(found, _since_1970(numbers))


def _since_1970(numbers: np.ndarray) -> pa.Array:
    size = np.abs(np.nan_to_num(numbers, nan=0.0, posinf=0.0, neginf=0.0))
    unit = np.select([size < 1e11, size < 1e14, size < 1e17], [1.0, 1e3, 1e6], 1e9)
    seconds = numbers / unit
    good = np.isfinite(seconds) & (np.abs(seconds) < _LATEST)
    micro = np.round(np.where(good, numbers, 0.0) * (1e6 / unit))
    return pa.array(micro.astype(np.int64), pa.int64(), mask=~good).cast(UTC_TIME)
