"""Personal data that JSON writes with escapes is found all the same."""

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.redact import redact_text
from include.redact.escapes import unescaped


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        (r'{"to":"jane\u0040example.org"}', '{"to":"<email>"}'),
        (r'{"card":"4111\u00201111 1111 1111"}', '{"card":"<card>"}'),
        (r'{"url":"db:\u002f\u002froot:hunter22@host"}', '{"url":"db://root:<password>@host"}'),
    ],
)
def test_what_is_escaped_is_found(text: str, redacted: str) -> None:
    assert redact_text(text) == redacted


def test_texts_without_anything_to_hide_stay_as_they_are() -> None:
    text = r'{"a":"\u0041\u00e4"}'
    assert redact_text(text) == text


def test_an_escaped_backslash_begins_no_escape() -> None:
    assert unescaped(pa.array([r"\\u0040 \\\u0040"])).to_pylist() == [r"\\u0040 \\@"]


@given(st.text(st.characters(codec="utf-8")))
def test_json_means_the_same_afterwards(text: str) -> None:
    escaped = "".join(f"\\u{ord(letter):04x}" if ord(letter) < 0x80 else letter for letter in text)
    (plain,) = unescaped(pa.array([f'"{escaped}"'], pa.string())).to_pylist()
    assert json.loads(plain) == text
