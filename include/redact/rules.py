"""What counts as personal data or a secret, as RE2 patterns, and what is put in its place.

Order matters: a private key before the tokens in it, a password in an address before the e-mail that it looks like.
Patterns that many harmless numbers fit carry a check (Luhn for cards, mod 97 for IBAN), done only on what fits.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address


@dataclass(frozen=True)
class Rule:
    """One kind of thing to hide: its name, its pattern, what takes its place, and a check of a candidate."""

    kind: str
    pattern: str
    replacement: str
    check: Callable[[str], bool] | None = None


def luhn(text: str) -> bool:
    """Return whether the digits end in the check digit of a payment card (ISO/IEC 7812-1, annex B)."""
    digits = [int(letter) for letter in text if letter.isdecimal()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return 12 <= len(digits) <= 19 and len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def iban(text: str) -> bool:
    """Return whether the text is an account number with a right checksum (ISO 13616, mod 97)."""
    plain = re.sub(r"[ -]", "", text).upper()
    return 15 <= len(plain) <= 34 and int("".join(str(int(one, 36)) for one in plain[4:] + plain[:4])) % 97 == 1


def ipv6(text: str) -> bool:
    """Return whether the text is an IPv6 address, and no time, MAC address or C++ name."""
    try:
        return bool(IPv6Address(text)) and any(letter.isdecimal() for letter in text)
    except AddressValueError:
        return False


# Issuers' ranges and lengths: any 16 digits would hide one block id in ten, and dates written as digits.
_CARD = (
    r"\b(?:4\d{12}(?:\d{3})?|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|3[068]\d{12}|35\d{14}|(?:1800|2131)\d{11}|6[0245]\d{14}"
    r"|(?:50|5[678]|6\d)\d{10}|[2-6]\d{3}(?: \d{4}){3}|[2-6]\d{3}(?:-\d{4}){3}"
    r"|3[47]\d{2} \d{6} \d{5}|3[47]\d{2}-\d{6}-\d{5})\b"
)
_BYTE = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"

SECRETS: Sequence[Rule] = (
    Rule(
        "private_key",
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?s:.*?)"
        r"(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
        "<private_key>",
    ),
    Rule("url_password", r"(\b[A-Za-z][A-Za-z0-9+.-]{0,20}://[^\s:/@<>\"']*:)[^\s/@<>\"']+@", r"\1<password>@"),
    Rule("jwt", r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?", "<jwt>"),
    Rule("aws_key", r"\b(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA)[A-Z0-9]{16}\b", "<aws_key>"),
    Rule("gcp_key", r"\bAIza[A-Za-z0-9_-]{35}|\bya29\.[A-Za-z0-9_-]{20,}", "<gcp_key>"),
    Rule("slack_token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bxapp-\d-[A-Za-z0-9-]{10,}", "<slack_token>"),
    Rule("slack_hook", r"(hooks\.slack\.com/services/)[A-Za-z0-9/_-]{10,}", r"\1<slack_hook>"),
    Rule("github_token", r"\bgh[oprsu]_[A-Za-z0-9]{36,}\b|\bgithub_pat_[A-Za-z0-9_]{22,}\b", "<github_token>"),
    Rule("bearer", r"(?i:(\bbearer\s+))[A-Za-z0-9._~+/-]{16,}=*", r"\1<token>"),
    Rule(
        "password",
        r"(?i:(\b(?:password|passwd|pwd|secret|api[_-]?key|access[_-]?token|client[_-]?secret)\\?[\"']?\s*[:=]\s*\\?[\"']?))"
        r"[^\s\"'\\,;&<>{}]{3,}",
        r"\1<password>",
    ),
    Rule("email", r"[A-Za-z0-9._%+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}\b", "<email>"),
)

PERSONAL: Sequence[Rule] = (
    Rule("iban", r"\b[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]{4}){2,7}(?:[ -]?[A-Za-z0-9]{1,3})?\b", "<iban>", iban),
    Rule("card", _CARD, "<card>", luhn),
    Rule("ip", rf"\b{_BYTE}(?:\.{_BYTE}){{3}}\b", "<ip>"),
    Rule("ip", r"(?:\b[0-9A-Fa-f]{1,4}:|\B::)(?:[0-9A-Fa-f]{0,4}:){0,6}(?:[0-9A-Fa-f]{1,4}\b|:\B)", "<ip>", ipv6),
    Rule("phone", r"\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){1,4}\b", "<phone>"),
    Rule("phone", r"\(\d{3,5}\) ?\d{3,4}[ .-]?\d{3,4}\b|\b\d{3}-\d{3}-\d{4}\b|\b\d{3}\.\d{3}\.\d{4}\b", "<phone>"),
)

ALL: Sequence[Rule] = (*SECRETS, *PERSONAL)
