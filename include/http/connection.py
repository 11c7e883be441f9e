"""Airflow's connections as text, the way `AIRFLOW_CONN_…` holds them: JSON or a URI.

https://airflow.apache.org/docs/apache-airflow/stable/howto/connection.html#storing-connections-in-environment-variables
"""

import json
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from include.errors import PermanentError
from include.http.credentials import Credentials


class ConnectionTextError(PermanentError):
    """A text that is no connection."""


def parse_connection(text: str, name: str) -> Credentials:
    """Return the credentials of the connection `name`; its address is not ours to use, sources have their own.

    Raises `ConnectionTextError`, whose message never shows the text: it holds a password.

    >>> parse_connection("http://reader:s%2Fcret@host?token=t", "shop").login
    'reader'
    """
    given = _json(text, name) if text.lstrip().startswith("{") else _uri(text, name)
    extra = given.get("extra") or {}
    if isinstance(extra, str):
        extra = _object(extra, f"The extra of the connection {name!r}")
    if not isinstance(extra, dict):
        raise ConnectionTextError(f"The extra of the connection {name!r} is no JSON object. Write {{…}}.")
    return Credentials.of(_text(given.get("login")), _text(given.get("password")), extra)


def _json(text: str, name: str) -> dict[str, Any]:
    return _object(text, f"The connection {name!r}")


def _object(text: str, what: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ConnectionTextError(f'{what} is no JSON object. Write {{"login": "…", "password": "…"}}.')
    return found


def _uri(text: str, name: str) -> dict[str, Any]:
    try:
        parts = urlsplit(text.strip())
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        login, password = unquote(parts.username or ""), unquote(parts.password or "")
    except ValueError:
        parts = None
    if parts is None or not parts.scheme:
        raise ConnectionTextError(
            f"The connection {name!r} is neither JSON nor a URI. Write type://login:password@host, with special "
            "characters percent-encoded."
        )
    return {"login": login, "password": password, "extra": query.get("__extra__") or query}


def _text(value: object) -> str | None:
    return None if value is None else str(value)
