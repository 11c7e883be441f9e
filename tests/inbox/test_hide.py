"""What is hidden of a delivery before it is written: wherever it stands, and whatever else stands there."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from include.config.redaction import Redaction
from include.inbox.hide import hidden

PLAIN = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=12))
SECRETS = st.sampled_from(["jane.doe@example.org", "AKIAIOSFODNN7EXAMPLE", "postgres://u:hunter22@db/x"])
ANY = st.recursive(
    st.one_of(PLAIN, SECRETS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(SECRETS, st.text(max_size=6)), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(ANY)
def test_no_secret_stays_wherever_it_stands_and_twice_changes_nothing(document: Any) -> None:
    once = hidden(document)
    text = json.dumps(once, ensure_ascii=False)
    for secret in ("jane.doe", "AKIAIOSFODNN7EXAMPLE", "hunter22"):
        assert secret not in text
    assert hidden(once) == once
    assert _shape(once) == _shape(document)


def test_what_identifies_keeps_its_numbers_and_addresses_and_people_lose_theirs() -> None:
    said = {
        "labels": {"instance": "10.0.0.1:9100", "note": "10.0.0.2"},
        "event_id": "4111111111111111",
        "description": "from 10.0.0.3, card 4111 1111 1111 1111",
        "amount": 4111111111111111,
        "date": 1793862000000,
    }
    assert hidden(said) == {
        "labels": {"instance": "10.0.0.1:9100", "note": "10.0.0.2"},
        "event_id": "4111111111111111",
        "description": "from <ip>, card <card>",
        "amount": "<card>",
        "date": 1793862000000,
    }


def test_a_value_under_a_secrets_name_goes_whole_and_its_neighbours_stay() -> None:
    said = {"db_password": "x", "apiKey": 7, "token": "", "tokens_used": 9, "key": "k", "secret": {"name": "n"}}
    assert hidden(said) == {
        "db_password": "<secret>", "apiKey": "<secret>", "token": "<secret>", "tokens_used": 9, "key": "k",
        "secret": {"name": "n"},
    }  # fmt: skip


def test_patterns_of_ones_own_are_hidden_in_texts_and_a_kind_that_is_switched_off_stays() -> None:
    redaction = Redaction.model_validate({"kinds": {"ip": False}, "patterns": {"customer": "CUST-[0-9]+"}})
    said = {"summary": "CUST-77 from 10.0.0.1", "labels": {"for": "CUST-77"}}
    assert hidden(said, redaction) == {"summary": "<customer> from 10.0.0.1", "labels": {"for": "CUST-77"}}


def test_two_keys_that_become_one_keep_both_values() -> None:
    assert hidden({"a@x.org": 1, "b@x.org": 2}) == {"<email>": 1, "<email>'": 2}


def test_text_that_no_store_takes_is_made_fit_for_one() -> None:
    assert hidden(["\ud800", "a\x00b"]) == ["?", "a\ufffdb"]


def _shape(value: Any) -> Any:
    if isinstance(value, list):
        return [_shape(one) for one in value]
    if isinstance(value, dict):
        return [_shape(one) for one in value.values()]
    return "x"
