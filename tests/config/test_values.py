from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.config.values import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("3h", 10_800), ("2d", 172_800), ("1w", 604_800), ("0.5h", 1_800)]
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("value", ["15", "m", "-5m", "5 minutes", "1e3s", "", None, 15, True, "99999999w", "٣m"])
def test_a_duration_without_a_known_unit_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="a duration"):
        parse_duration(value)


@given(st.text())
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        assert parse_duration(text) >= timedelta(0)
