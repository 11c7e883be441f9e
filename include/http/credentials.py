"""Who Almanac is to another system; a value that never prints its secrets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Credentials:
    """Login and password (basic), or a token (bearer), and whom to trust.

    `verify` is True (the system's certificate authorities), the path of a CA file, or False (no check; say why in
    the configuration). `extra` holds headers or options that one system needs.
    """

    login: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    verify: bool | str = True
    extra: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, login: str | None, password: str | None, extra: Mapping[str, Any]) -> "Credentials":
        """Return what an Airflow connection holds; `token` and `verify` of its extra are ours, the rest passes on."""
        rest = {name: str(value) for name, value in extra.items() if name not in {"token", "verify"}}
        return cls(
            login or "", password or "", str(extra.get("token") or ""), _trusted(extra.get("verify", True)), rest
        )


def _trusted(said: object) -> bool | str:
    """Return true, false or the path of a CA file; a URI holds true and false as text."""
    if isinstance(said, bool):
        return said
    return {"true": True, "false": False}.get(str(said).lower(), str(said))
