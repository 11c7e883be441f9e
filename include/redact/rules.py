"""What counts as personal data or a secret, as RE2 patterns, and what is put in its place.

Order matters: a private key before the tokens in it, a password in an address before the e-mail that it looks like, a
telephone number with points before the address that it holds. What RE2 cannot say (what must not stand beside it, a
check digit) is looked at again by `exact` and `check`, in the few rows that the pattern, or `unless`, touches.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from include.config.redaction import Redaction
from include.redact import checks


@dataclass(frozen=True)
class Rule:
    """One kind of thing to hide.

    `pattern` finds it, `replacement` takes its place. With a `check`, each candidate of `exact` (a pattern of Python's,
    by default the same one) is asked how much of it is hidden; a group called `it` is the candidate where the
    pattern also holds what stands before it. With `unless`, only rows that this pattern touches are so looked at.
    `trigger` touches every text that `pattern` does, and some more: it is quicker to compile. A rule is `common` when
    many lines of a log need it.
    """

    kind: str
    pattern: str
    replacement: str
    check: Callable[[str], int] | None = None
    exact: re.Pattern[str] | None = None
    unless: str | None = None
    trigger: str | None = None
    common: bool = False

    @property
    def placeholder(self) -> str:
        """What stands in the text afterwards, such as `<email>`."""
        return self.replacement.removeprefix(r"\1")


def _exact(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


# Issuers' ranges and lengths: any 16 digits would hide one block id in ten, and dates written as digits.
_CARD = (
    r"(?:4\d{12}(?:\d{3})?|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|3[068]\d{12}|35\d{14}|(?:1800|2131)\d{11}|6[0245]\d{14}"
    r"|(?:50|5[678]|6\d)\d{10}|[2-6]\d{3}(?: \d{4}){3}|[2-6]\d{3}(?:-\d{4}){3}"
    r"|3[47]\d{2} \d{6} \d{5}|3[47]\d{2}-\d{6}-\d{5})"
)
# After these words any 12 to 19 digits with a right check digit are a card: Visa has 19, Maestro begins with 0.
_CARD_NAME = (
    r"(?:(?:credit|debit|bank|payment)?_?card(?:[_ ]?(?:number|num|no|nr))?|credit|debit|visa|mastercard|maestro|amex"
    r"|ccn?|ccnum|pan)"
)
_CARD_WORD = rf"(?i:\b{_CARD_NAME}(?:[^\dA-Za-z\n][^\d\n]{{0,30}})?)"
_BYTE = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IP = rf"{_BYTE}(?:\.{_BYTE}){{3}}"
_VERSION = r"(?i:\b(?:v|ver|version|release|build|revision|firmware|driver)[\s:=/\"']{0,3}v?)"
_HEX = r"[0-9A-Fa-f]{1,4}"
_IPV6 = rf"{_HEX}(?::{_HEX}){{7}}|(?:{_HEX}(?::{_HEX}){{0,6}})?::(?:{_HEX}(?::{_HEX}){{0,6}})?"
_COUNTRY = "|".join(checks.IBAN_COUNTRIES)
_IBAN = (
    rf"\b(?:(?:{_COUNTRY})\d\d(?:[A-Z0-9]{{11,30}}|(?:[ -][A-Z0-9]{{4}}){{2,7}}(?:[ -][A-Z0-9]{{1,4}})?)"
    rf"|(?:{_COUNTRY.lower()})\d\d[a-z0-9]{{11,30}})\b"
)
_EXTENSION = r"(?:x\d{1,6})?"
_ABROAD = rf"\+[1-9]\d{{0,2}}[ .-]?(?:\(\d{{1,4}}\)[ .-]?)?\d{{1,4}}(?:[ .-]?\d{{2,4}}){{1,4}}\b{_EXTENSION}"
_AT_HOME = (
    rf"(?:\b(?:00)?1-)?(?:\b\d{{3}}-\d{{3}}-\d{{4}}|\b\d{{3}}\.\d{{3}}\.\d{{4}}"
    rf"|\(\d{{3,5}}\) ?\d{{3,4}}(?:-\d{{3,4}}|[ .]\d{{4}})|\(\d\d\) ?\d{{3,4}}-\d{{3,4}}){_EXTENSION}\b"
)
# Digits and what stands between them share no letter, so no text takes more than linear time.
_GROUPS = r"\(?\d{1,15}(?:[ ().-]{1,3}\d{1,12}){0,6}"
# Beside a word for it, numbers count that are as short and as oddly grouped as people write them.
_PHONE_LABEL = (
    r"(?i:(?:\b|_|[a-z])(?:(?:phone|msisdn)(?:[ _-]?(?:number|no|nr|num))?[\"']?\.?\s?[:=#]?"
    r"|mobile(?:[ _-]?(?:number|no|nr|num))?[\"']?\.?\s?[:=#])\s?[\"']?"
    r"|\b(?:telephone|tel|fax|landline|whatsapp|sms)(?:[ _-]?(?:number|no|nr|num))?[\"']?\.?\s?[:=#]?\s?[\"']?"
    r"|\b(?:cell|desk)[\"']?\s?[:=]\s?[\"']?)"
)
_PHONE_VERB = (
    r"(?:call|calls|called|calling|ring|dial|phoned|text|texted|message|messages|voicemail"
    r"|answer|answering|reach|contact)"
)
_PHONE_WORD = rf"(?:{_PHONE_LABEL}|(?i:\b{_PHONE_VERB}(?: [a-z']{{1,12}}){{0,3}} (?:on|at|to|registered) ))"
_PHONE_AFTER = r" ?-?(?i:office|fax|mobile|cell|landline)"
_NO_DOMAIN = "service|socket|timer|target|mount|automount|scope|slice|device|swap|png|jpg|jpeg|gif|svg|webp|css|js|json"
_EMAIL = r"[A-Za-z0-9._%+-]+(?:@|%40)(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}\b"
_NAMED = (
    r"(?i:((?:password|passwd|passphrase|pwd|secret|api[_-]?key|account[_-]?key|(?:secret[_-]?)?access[_-]?key"
    r"|(?:access|auth|refresh|session|private)[_-]?token|client[_-]?secret)\\?[\"']?\s*[:=]\s*\\?[\"']?))"
)

SECRETS: Sequence[Rule] = (
    Rule(
        "private_key",
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?s:.*?)"
        r"(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
        "<private_key>",
    ),
    Rule(
        "url_password",
        r"(\b[A-Za-z][A-Za-z0-9+.-]{0,20}://[^\s:/@<>\"']*:)[^\s/@<>\"']+@",
        r"\1<password>@",
        trigger=r"://[^\s:/@<>\"']*:[^\s/@<>\"']+@",
    ),
    Rule(
        "jwt",
        r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?",
        "<jwt>",
        trigger=r"eyJ[A-Za-z0-9_-]",
    ),
    Rule(
        "aws_key",
        r"\b(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA)[A-Z0-9]{16}\b",
        "<aws_key>",
        trigger=r"A(?:KIA|SIA|GPA|IDA|ROA|NPA)[A-Z0-9]{4}",
    ),
    Rule("gcp_key", r"\bAIza[A-Za-z0-9_-]{35}|\bya29\.[A-Za-z0-9_-]{20,}", "<gcp_key>", trigger=r"AIza|ya29\."),
    Rule(
        "slack_token",
        r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bxapp-\d-[A-Za-z0-9-]{10,}",
        "<slack_token>",
        trigger=r"xox[abeoprs]-|xapp-",
    ),
    Rule("slack_hook", r"(hooks\.slack\.com/services/)[A-Za-z0-9/_-]{10,}", r"\1<slack_hook>"),
    Rule(
        "github_token",
        r"\bgh[oprsu]_[A-Za-z0-9]{36,}\b|\bgithub_pat_[A-Za-z0-9_]{22,}\b",
        "<github_token>",
        trigger=r"gh[oprsu]_[A-Za-z0-9]{4}|github_pat_",
    ),
    Rule(
        "api_key",
        r"\b(?:[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|glpat-[A-Za-z0-9_-]{20,}|npm_[A-Za-z0-9]{36}|dop_v1_[a-f0-9]{64}"
        r"|SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}|pypi-[A-Za-z0-9_-]{40,}|hvs\.[A-Za-z0-9_-]{24,}|sk-[A-Za-z0-9_-]{24,})",
        "<api_key>",
        trigger=r"[rs]k_(?:live|test)_|glpat-|npm_|dop_v1_|SG\.|pypi-|hvs\.|\bsk-",
    ),
    Rule(
        "bearer",
        r"(?i:(\bbearer\s+))[A-Za-z0-9._~+/-]{16,}=*",
        r"\1<token>",
        trigger=r"(?i:bearer\s+)[A-Za-z0-9._~+/-]{8}",
    ),
    Rule("bearer", r"(?i:(\bauthorization\\?[\"']?\s*[:=]\s*\\?[\"']?basic\s+))[A-Za-z0-9+/]{6,}=*", r"\1<token>"),
    Rule(
        "password",
        _NAMED + r"[^\s\"'\\,;&<>{}]{3,}",
        r"\1<password>",
        unless=r"\bPWD=",
        check=checks.whole,
        # sudo writes the working directory so.
        exact=_exact(rf"(?!\bPWD=/){_NAMED}(?P<it>[^\s\"'\\,;&<>{{}}]{{3,}})"),
    ),
    Rule(
        "password",
        r"(?i:(--(?:password|passwd|token|secret|api-?key)[ =]))[^\s\"'<-][^\s\"']{2,}",
        r"\1<password>",
    ),
    Rule(
        "email",
        _EMAIL,
        "<email>",
        common=True,
        unless=rf"@[A-Za-z0-9.-]+\.(?:{_NO_DOMAIN})\b",
        check=checks.whole,
        exact=_exact(
            rf"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]+@(?:[A-Za-z0-9-]+\.)+(?!(?:{_NO_DOMAIN})\b)[A-Za-z]{{2,}}\b"
        ),
    ),
)

PERSONAL: Sequence[Rule] = (
    Rule(
        "iban",
        _IBAN,
        "<iban>",
        checks.iban,
        trigger=r"\b(?:[A-Z][A-Z]\d\d(?:[A-Z0-9]{11}|[ -][A-Z0-9]{4}[ -][A-Z0-9]{4})|[a-z][a-z]\d\d[a-z0-9]{11})",
    ),
    Rule(
        "card",
        rf"\b{_CARD}\b",
        "<card>",
        checks.card,
        _exact(rf"(?<![\w.])(?<![^A-Za-z]-){_CARD}(?!\w|[.-]\d)"),
        trigger=r"\b(?:(?:[2-6]\d|18|21)\d{10,14}\b|[2-6]\d{3}[ -]\d{4}[ -]\d{4}[ -]|3[47]\d\d[ -]\d{6}[ -])",
    ),
    Rule(
        "card",
        rf"{_CARD_WORD}\d(?:[ -]?\d){{11,18}}",
        "<card>",
        checks.card,
        _exact(rf"{_CARD_WORD}(?<![.\d_-])(?P<it>\d(?:[ -]?\d){{11,18}})(?!\w|[.-]\d)"),
        trigger=rf"(?i:\b{_CARD_NAME})(?:[^\dA-Za-z\n][^\d\n]*)?\d(?:[ -]?\d){{7}}",
    ),
    Rule("phone", _ABROAD, "<phone>", checks.phone, _exact(rf"(?<![\w)+]){_ABROAD}")),
    Rule("phone", _AT_HOME, "<phone>", checks.phone, _exact(rf"(?<![\w.-]){_AT_HOME}(?![.-]?\d)")),
    Rule(
        "phone",
        _PHONE_WORD + _GROUPS,
        "<phone>",
        checks.local_phone,
        _exact(rf"{_PHONE_WORD}(?P<it>{_GROUPS}{_EXTENSION})(?![\w.:/]*\d)"),
        trigger=rf"{_PHONE_LABEL}\(?\d|(?i:\b{_PHONE_VERB} [a-z' ]*\b(?:on|at|to|registered) )\(?\d",
    ),
    Rule(
        "phone",
        rf"\b{_GROUPS}{_PHONE_AFTER}\b",
        "<phone>",
        checks.local_phone,
        _exact(rf"(?<![\w.-])(?P<it>{_GROUPS}{_EXTENSION})(?={_PHONE_AFTER}\b)"),
        trigger=rf"\d{_PHONE_AFTER}\b",
    ),
    Rule(
        "ip",
        rf"\b{_IP}\b",
        "<ip>",
        unless=rf"\d\.\d+\.\d+\.\d+\.\d|{_VERSION}{_IP}",
        check=lambda text: len(text) if text[0].isdecimal() else 0,
        exact=_exact(rf"{_VERSION}{_IP}|(?<![\w.]){_IP}(?!\w|\.\d)"),
        common=True,
    ),
    Rule(
        "ip", rf"\b(?:{_IPV6})|(?:^|[^\w:])::{_HEX}", "<ip>", checks.ipv6, _exact(rf"(?<![\w:.])(?:{_IPV6})(?![\w:])")
    ),
)

ALL: Sequence[Rule] = (*SECRETS, *PERSONAL)


def chosen(redaction: Redaction) -> tuple[Sequence[Rule], Sequence[Rule]]:
    """Return the rules for what identifies, and those for what people write, as the configuration wants them.

    Patterns of one's own count only for what people write: they must not make two machines one.
    """
    return _chosen(redaction.off, tuple(redaction.patterns.items()))


@lru_cache(maxsize=16)
def _chosen(off: frozenset[str], own: tuple[tuple[str, str], ...]) -> tuple[Sequence[Rule], Sequence[Rule]]:
    mine = tuple(Rule(name, pattern, f"<{name}>") for name, pattern in own)
    secrets = tuple(rule for rule in SECRETS if rule.kind not in off)
    return secrets, (*mine, *secrets, *(rule for rule in PERSONAL if rule.kind not in off))
