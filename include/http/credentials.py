"""Who Almanac is to another system; a value that never prints its secrets."""

from collections.abc import Mapping
from dataclasses import dataclass, field


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
