import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from include.parse.sampling import kept
from include.parse.text_hash import combined, text_hashes


def test_hashes_never_change_between_machines_and_releases() -> None:
    assert text_hashes(pa.array(["", "a", "shop/cart", None])).tolist() == [
        0,
        8777055843625058441,
        15736620817776451532,
        0,
    ]


def test_a_share_of_all_traces_is_kept_whatever_their_number() -> None:
    traces = pa.array([f"{number:032x}" for number in range(20_000)])
    for share in (0.0, 0.01, 0.1, 0.5, 1.0):
        stays = kept(traces, np.zeros(len(traces), np.uint64), share)
        assert abs(stays.mean() - share) < 0.01
    assert kept(traces, np.zeros(len(traces), np.uint64), 0.0).sum() == 0


def test_a_larger_share_keeps_what_a_smaller_one_kept() -> None:
    traces = pa.array([f"trace-{number}" for number in range(2_000)])
    none = np.zeros(len(traces), np.uint64)
    assert not (kept(traces, none, 0.1) & ~kept(traces, none, 0.3)).any()


@given(st.lists(st.text(max_size=12) | st.none(), max_size=20), st.integers(0, 10))
def test_a_hash_depends_on_its_text_alone(texts: list[str | None], offset: int) -> None:
    column = pa.array(texts, pa.string())
    alone = [int(text_hashes(pa.array([text], pa.string()))[0]) for text in texts]
    assert text_hashes(column).tolist() == alone
    assert text_hashes(column.slice(min(offset, len(texts)))).tolist() == alone[offset:]


@given(st.lists(st.text(max_size=8), unique=True, min_size=2, max_size=50))
def test_different_texts_have_different_hashes(texts: list[str]) -> None:
    assert len(set(text_hashes(pa.array(texts)).tolist())) == len(texts)


def test_texts_longer_than_a_part_are_hashed_whole() -> None:
    long = "a" * (5 << 20)
    column = pa.array(["x", long, long + "b", "x"])
    one, two, three, four = text_hashes(column).tolist()
    assert one == four
    assert len({one, two, three}) == 3


def test_the_order_of_columns_matters() -> None:
    one, two = text_hashes(pa.array(["a"])), text_hashes(pa.array(["b"]))
    assert combined(one, two) != combined(two, one)
