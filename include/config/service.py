"""A service: who owns it, what it needs, where its people sit, and how each system calls it."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from include.config.values import Model, Name, Text, TimeZone, one_or_many


def _alias(value: str) -> str:
    if is_pattern(value):
        try:
            re.compile(value[1:-1])
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"an exact name or a valid /regular expression/ ({error})") from None
    return value


def is_pattern(alias: str) -> bool:
    """Return whether an alias is written as `/regular expression/`."""
    return len(alias) > 2 and alias.startswith("/") and alias.endswith("/")


def _country(value: str) -> str:
    from holidays.registry import COUNTRIES

    known = {codes[1] for codes in COUNTRIES.values()}
    if value not in known:
        raise ValueError("a country's two-letter code in capitals, such as DE, GB or US")
    return value


Aliases = Annotated[tuple[Annotated[Text, AfterValidator(_alias)], ...], BeforeValidator(one_or_many)]


class Service(Model):
    """One service, as `services.yaml` declares it."""

    name: Name
    owner: Text | None = Field(default=None, description="the team that owns it; reports and mail go to that team")
    tier: int = Field(default=3, ge=1, le=4, description="1 (most important) to 4")
    dependencies: tuple[Name, ...] = Field(default=(), description="services that it calls")
    labels: dict[str, str] = Field(default_factory=dict)
    time_zone: TimeZone = Field(default="UTC", description="zone of its business hours")
    holidays: Annotated[str, AfterValidator(_country)] | None = Field(default=None, description="country code or null")
    aliases: dict[str, Aliases] = Field(
        default_factory=dict, description="per source: exact names, or /regular expressions/ that match a whole name"
    )
