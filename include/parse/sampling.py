"""Which routine lines are kept: a fixed share, by hash, so that every run and every machine keeps the same.

A line of a trace shares the fate of its trace; one without is judged by its own service, template, time and text.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from include.parse.text_hash import mixed, text_hashes

_LARGEST = 2**64


def kept(trace: pa.Array, line: NDArray[np.uint64], share: float) -> NDArray[np.bool_]:
    """Return which lines stay; `line` is a hash of each line that has no trace, `share` between 0 and 1."""
    if share >= 1:
        return np.ones(len(trace), dtype=bool)
    traces = trace.dictionary_encode()
    of_traces = mixed(np.append(text_hashes(traces.dictionary), np.uint64(0)))
    codes = traces.indices.fill_null(len(traces.dictionary)).to_numpy(zero_copy_only=False)
    draws = np.where(codes == len(traces.dictionary), mixed(line), of_traces[codes])
    return np.asarray(draws < np.uint64(share * _LARGEST))
