import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.http import ConnectionTextError, Credentials, parse_connection


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"login": "me", "password": "p:/@"}', Credentials("me", "p:/@")),
        (
            '{"conn_type": "http", "extra": {"token": "t", "verify": false, "X-Scope-OrgID": 7}}',
            Credentials(token="t", verify=False, extra={"X-Scope-OrgID": "7"}),
        ),
        ('{"extra": "{\\"verify\\": \\"/ca.pem\\"}"}', Credentials(verify="/ca.pem")),
        ("http://me:p%3A%2F%40@host:80/x?token=t&verify=false", Credentials("me", "p:/@", "t", verify=False)),
        ("kafka://me:p@?__extra__=%7B%22ssl.a%22%3A%22c%22%7D", Credentials("me", "p", extra={"ssl.a": "c"})),
    ],
)  # fmt: skip
def test_a_connection_is_read_as_airflow_writes_it(text: str, expected: Credentials) -> None:
    assert parse_connection(text, "shop") == expected


@pytest.mark.parametrize(
    "text", ['{"login": "secret"', "secret", "http://[secret", '{"extra": "secret"}', '{"extra": [1]}']
)
def test_what_is_no_connection_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ConnectionTextError) as failure:
        parse_connection(text, "shop")
    assert "connection 'shop'" in str(failure.value)
    assert "secret" not in str(failure.value)


@given(st.text() | st.recursive(st.none() | st.text(), lambda one: st.dictionaries(st.text(), one)).map(json.dumps))
def test_any_text_is_a_connection_or_refused(text: str) -> None:
    with suppress(ConnectionTextError):
        assert isinstance(parse_connection(text, "shop"), Credentials)
