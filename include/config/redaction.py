"""`redaction` in `logs.yaml`: which kinds of personal data and secrets are hidden, and patterns of one's own."""

from typing import Annotated, Literal, Self, get_args

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from include.config.values import Model

Kind = Literal[
    "private_key", "url_password", "jwt", "aws_key", "gcp_key", "slack_token", "slack_hook", "github_token", "api_key",
    "bearer", "password", "email", "iban", "card", "ip", "phone",
]  # fmt: skip
"""What can be hidden; `include/redact/rules.py` says how each is found."""


def _pattern(value: str) -> str:
    try:
        empty = pc.match_substring_regex(pa.array([""]), value)[0].as_py()
    except pa.ArrowInvalid as error:
        raise ValueError(f"a regular expression that RE2 understands ({error})") from None
    if empty:
        raise ValueError("a regular expression that does not match the empty text")
    return value


PatternName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=2_000), AfterValidator(_pattern)]


class Redaction(Model):
    """What is hidden before anything is written. Everything is, unless a kind is switched off here."""

    kinds: dict[Kind, bool] = Field(default_factory=dict, description="kind → false, to leave it as it is")
    patterns: dict[PatternName, Pattern] = Field(
        default_factory=dict, description="name → regular expression (RE2); what it matches becomes <name>"
    )

    @property
    def off(self) -> frozenset[str]:
        """The kinds that are left as they are."""
        return frozenset(kind for kind, on in self.kinds.items() if not on)

    @model_validator(mode="after")
    def _leave_placeholders_alone(self) -> Self:
        placed = pa.array([f"<{name}>" for name in (*get_args(Kind), "password", "token", *self.patterns)])
        for name, pattern in self.patterns.items():
            hit = placed.filter(pc.match_substring_regex(placed, pattern))
            if len(hit):
                raise ValueError(f"patterns that leave placeholders alone, but {name!r} finds something in {hit[0]}")
        return self
