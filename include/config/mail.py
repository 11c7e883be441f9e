"""Mail: off until someone turns it on; who gets the reports of which team, and when."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from include.config.values import Model, TimeZone

EVERYONE = "everyone"
_ADDRESS = re.compile(r"[^@\s<>,;\"]{1,64}@[^@\s<>,;\"]{1,190}")


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise ValueError("an address such as team@example.org")
    return value


Address = Annotated[str, AfterValidator(_address)]


def _addresses_only(value: object) -> object:
    return {"addresses": [value] if isinstance(value, str) else value} if isinstance(value, str | list) else value


class Audience(Model):
    """The people who get one team's reports: their addresses, and when in their own day the mail is sent."""

    addresses: tuple[Address, ...] = Field(min_length=1)
    time_zone: TimeZone = "UTC"
    send_hour: int | None = Field(default=None, ge=0, le=23, description="hour of the day; null: the mail's own")


class Mail(Model):
    """`mail.yaml`. Nothing is mailed while `enabled` is false; the server is Airflow's connection `almanac_smtp`."""

    enabled: bool = False
    sender: Address = "almanac@localhost"
    send_hour: int = Field(default=7, ge=0, le=23, description="hour of the audience's day")
    audiences: dict[str, Annotated[Audience, BeforeValidator(_addresses_only)]] = Field(
        default_factory=dict, description="owner (a team of services.yaml) or `everyone` → addresses"
    )
