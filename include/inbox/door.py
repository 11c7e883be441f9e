"""Who may deliver to a source: its bearer token, its basic login, or a signature that only its sender can make.

Every comparison takes the same time whatever is shown, and a source that does not exist is a door that nothing opens,
so that nobody learns by asking which sources there are.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from include.config.options.webhook import Provider
from include.config.redaction import Redaction
from include.redact import EVERYTHING

PAGERDUTY = "x-pagerduty-signature"
GRAFANA = "x-grafana-alerting-signature"
ALMANAC = "x-almanac-signature"
ALMANAC_TIME = "x-almanac-timestamp"
DELIVERY = "x-almanac-delivery"
SIGNATURES: Mapping[Provider, str] = {"pagerduty": PAGERDUTY, "grafana": GRAFANA, "generic": ALMANAC}
MEBIBYTE = 1 << 20
_MOST_SIGNATURES = 8


@dataclass(frozen=True)
class Door:
    """What a source asks of its deliveries; an empty secret opens nothing.

    `token` is for `Authorization: Bearer`. `password` is the key of signatures, or, with a `login`, of basic
    authentication.
    """

    source: str
    provider: Provider
    token: str = field(default="", repr=False)
    login: str = ""
    password: str = field(default="", repr=False)
    limit: int = MEBIBYTE
    per_minute: int = 300
    tolerance: timedelta = timedelta(minutes=5)
    timestamp_header: str | None = None
    delivery_id: str | None = None
    redaction: Redaction = EVERYTHING


CLOSED = Door("", "generic")
_NOBODYS = secrets.token_bytes(32)
"""Stands for a secret that is not set: whoever guesses it has guessed 256 bits."""


def knows_secret(door: Door, headers: Mapping[str, str]) -> bool:
    """Return whether `Authorization` shows the door's token or login; needs no body."""
    scheme, _, shown = headers.get("authorization", "").partition(" ")
    by_token = _same(shown.strip().encode(), door.token.encode())
    basic = f"{door.login}:{door.password}".encode() if door.login and door.password else b""
    by_login = _same(_unpacked(shown), basic)
    return (by_token and scheme.lower() == "bearer") or (by_login and scheme.lower() == "basic")


def shows_signature(headers: Mapping[str, str]) -> bool:
    """Return whether there is any signature to check, of whichever provider."""
    return any(name in headers for name in SIGNATURES.values())


def is_signed(door: Door, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
    """Return whether the body carries a signature of the door's provider, made with its password, and not too old.

    PagerDuty: `v1=<hex>`, several for a rotating secret, over the body. Grafana: hex over the body, or over
    `<time>:<body>` where it sends the time. Generic: `sha256=<hex>` over `<time>.<body>`. All HMAC-SHA256, times in
    Unix seconds.
    """
    said = headers.get(SIGNATURES.get(door.provider, ALMANAC), "")
    signed, in_time = body, door.provider in SIGNATURES
    time_header = door.timestamp_header if door.provider == "grafana" else ALMANAC_TIME
    if door.provider != "pagerduty" and time_header:
        time = headers.get(time_header.lower(), "")
        signed = time.encode() + (b":" if door.provider == "grafana" else b".") + body
        in_time = in_time and _is_near(time, now, door.tolerance)
    made = hmac.new(door.password.encode() or _NOBODYS, signed, hashlib.sha256).hexdigest().encode()
    prefix = {"pagerduty": "v1=", "grafana": ""}.get(door.provider, "sha256=")
    shown = [one.strip() for one in said.split(",")[:_MOST_SIGNATURES]]
    matches = [_same(one.removeprefix(prefix).encode(), made) and one.startswith(prefix) for one in shown]
    return any(matches) and in_time and bool(door.password)


def _same(shown: bytes, secret: bytes) -> bool:
    # Of hashes, so that not even the secret's length shows in the time.
    one, other = hashlib.sha256(shown).digest(), hashlib.sha256(secret or _NOBODYS).digest()
    return hmac.compare_digest(one, other) and bool(secret)


def _unpacked(text: str) -> bytes:
    try:
        return base64.b64decode(text.strip().encode(), validate=True)
    except ValueError:
        return b""


def _is_near(seconds: str, now: datetime, tolerance: timedelta) -> bool:
    if not (seconds.isascii() and seconds.isdecimal() and len(seconds) <= 12):
        return False
    return abs(now - datetime(1970, 1, 1, tzinfo=UTC) - timedelta(seconds=int(seconds))) <= tolerance
