"""`logs.yaml`: which log lines are kept whole, how many of the others, what storage costs, and what is redacted."""

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from include.config.redaction import Redaction
from include.config.values import Model, Name, one_or_many

_WORD = re.compile(r"[\w][\w .'/-]{0,80}\*?")


def _word(value: str) -> str:
    if not _WORD.fullmatch(value):
        raise ValueError("a word or phrase such as fail* or access denied; * only at the end")
    return value.lower()


def _some(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise ValueError("at least one word or phrase")
    return value


Words = Annotated[tuple[Annotated[str, AfterValidator(_word)], ...], BeforeValidator(one_or_many)]


class WordRule(Model):
    """A template falls under the rule when it has one of the words `about` (if any are given) and one of `says`."""

    about: Words = Field(default=(), description="what the line is about, such as payment or login; empty: anything")
    says: Annotated[Words, AfterValidator(_some)] = Field(description="what it says of it, such as fail* or declin*")


_FAILURE = (
    "fail*", "denied", "denies", "invalid", "incorrect", "wrong", "reject*", "refus*", "expired", "revoked",
    "unauthori*", "forbidden", "illegal", "locked", "mismatch*", "not allowed", "not permitted", "could not", "cannot",
    "unable", "unknown", "too many", "maximum", "exceeded", "error*", "exception*",
)  # fmt: skip
CRITICAL: Mapping[str, WordRule] = {
    "authentication": WordRule(
        about=(
            "auth", "authent*", "authori*", "login*", "logon*", "log in", "sign in", "signin", "password*", "passwd",
            "credential*", "pam", "pam_unix", "sudo", "su", "kerberos", "ldap", "oauth*", "saml", "sso", "mfa", "otp",
            "permission*", "privilege*", "access",
        ),
        says=_FAILURE,
    ),
    "security": WordRule(
        says=(
            "intrusion*", "attack*", "breach*", "break-in", "malware", "ransomware", "exploit*", "brute force",
            "brute-force", "sql injection", "injection attempt", "privilege escalation", "tamper*", "spoof*",
            "unauthori*", "access denied", "permission denied", "not in sudoers", "invalid user", "illegal user",
            "invalid signature", "bad signature", "signature mismatch", "certificate has expired",
            "certificate verify failed", "handshake failed",
        )
    ),
    "payment": WordRule(
        about=(
            "payment*", "card", "charge", "charges", "refund*", "billing", "invoice*", "checkout", "transaction*",
            "payout*", "order", "orders",
        ),
        says=("fail*", "declin*", "reject*", "refus*", "denied", "insufficient", "chargeback*", "disput*", "error*"),
    ),
    "fraud": WordRule(
        about=("fraud*", "money laundering", "sanction*"),
        says=("detect*", "suspect*", "suspicious", "confirm*", "block*", "flag*", "alert*", "attempt*", "fraudulent"),
    ),
}  # fmt: skip
"""What is kept whole whatever its level. Each is replaced by an entry of its name, and removed by one that is null."""


def _over_defaults(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return {name: rule for name, rule in {**CRITICAL, **value}.items() if rule is not None}


class LogRules(Model):
    """`logs.yaml`. A line is CRITICAL, INTERESTING or ROUTINE; only of the routine ones a share is kept."""

    routine_sample: float = Field(default=0.1, ge=0, le=1, description="share of routine lines that is kept, 0 to 1")
    rare_lines: int = Field(
        default=5, ge=0, le=1_000_000, description="a template with fewer lines in its window is INTERESTING"
    )
    critical: Annotated[dict[Name, WordRule], BeforeValidator(_over_defaults)] = Field(
        default_factory=lambda: dict(CRITICAL), description="rules by name; null removes one that is built in"
    )
    interesting: dict[Name, WordRule] = Field(default_factory=dict, description="rules by name, for INTERESTING")
    critical_days: int = Field(default=90, ge=1, le=3660, description="how long critical lines are kept")
    interesting_days: int = Field(default=90, ge=1, le=3660, description="how long interesting lines are kept")
    routine_days: int = Field(default=90, ge=1, le=3660, description="how long the sampled routine lines are kept")
    price_per_gib: float | None = Field(
        default=None, ge=0, description="what storing a GiB of log text costs, for the saving in reports"
    )
    currency: str = Field(default="EUR", min_length=1, max_length=8, description="of the price")
    redaction: Redaction = Field(
        default_factory=Redaction, description="what is hidden in the texts of every source before anything is written"
    )

    @property
    def days_kept(self) -> dict[str, int]:
        """How many days the lines of each class are kept."""
        return {"CRITICAL": self.critical_days, "INTERESTING": self.interesting_days, "ROUTINE": self.routine_days}
