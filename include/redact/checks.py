"""Checks of what looks like a number of somebody's: how much of a found text is to be hidden, 0 for nothing.

A pattern finds candidates; many harmless numbers fit it. The check digit, the registered structure or the shape tells.
"""

import re
from ipaddress import AddressValueError, IPv6Address

_IBAN = {
    "AD": "8n12c", "AE": "19n", "AL": "8n16c", "AT": "16n", "AZ": "4a20c", "BA": "16n", "BE": "12n", "BG": "4a6n8c",
    "BH": "4a14c", "BR": "23n1a1c", "BY": "4c4n16c", "CH": "5n12c", "CR": "18n", "CY": "8n16c", "CZ": "20n",
    "DE": "18n", "DK": "14n", "DO": "4c20n", "EE": "16n", "EG": "25n", "ES": "20n", "FI": "14n", "FO": "14n",
    "FR": "10n11c2n", "GB": "4a14n", "GE": "2a16n", "GI": "4a15c", "GL": "14n", "GR": "7n16c", "GT": "4c20c",
    "HR": "17n", "HU": "24n", "IE": "4a14n", "IL": "19n", "IQ": "4a15n", "IS": "22n", "IT": "1a10n12c",
    "JO": "4a4n18c", "KW": "4a22c", "KZ": "3n13c", "LB": "4n20c", "LC": "4a24c", "LI": "5n12c", "LT": "16n",
    "LU": "3n13c", "LV": "4a13c", "MC": "10n11c2n", "MD": "2c18c", "ME": "18n", "MK": "3n10c2n", "MR": "23n",
    "MT": "4a5n18c", "MU": "4a19n3a", "NL": "4a10n", "NO": "11n", "PK": "4a16c", "PL": "24n", "PS": "4a21c",
    "PT": "21n", "QA": "4a21c", "RO": "4a16c", "RS": "18n", "SA": "2n18c", "SC": "4a20n3a", "SE": "20n", "SI": "15n",
    "SK": "20n", "SM": "1a10n12c", "ST": "21n", "SV": "4a20n", "TL": "19n", "TN": "20n", "TR": "6n16c", "UA": "6n19c",
    "VA": "18n", "VG": "4a16n", "XK": "16n",
}  # fmt: skip
"""Structure of the account number after country and check digits: digits, letters, both (registry of ISO 13616)."""
_OF = {"n": r"\d", "a": "[A-Z]", "c": "[A-Z0-9]"}
IBAN_COUNTRIES = tuple(_IBAN)
_ACCOUNT = {
    country: re.compile(
        country + r"\d\d" + "".join(f"{_OF[kind]}{{{count}}}" for count, kind in re.findall(r"(\d+)([nac])", parts)),
        re.ASCII,
    )
    for country, parts in _IBAN.items()
}
_OFFSET = re.compile(r"\+(?:0\d|1[0-4])(?:00|15|30|45)(?: |$)", re.ASCII)


def luhn(text: str) -> bool:
    """Return whether the digits end in the check digit of a payment card (ISO/IEC 7812-1, annex B)."""
    digits = [int(letter) for letter in text if letter.isdecimal()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return 12 <= len(digits) <= 19 and len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def card(text: str) -> int:
    """Return the length of a card number with a right check digit."""
    return len(text) if luhn(text) else 0


def iban(text: str) -> int:
    """Return how long the account number at the start of the text is (ISO 13616: structure, and mod 97 is 1)."""
    plain = re.sub(r"[ -]", "", text).upper()
    account = _ACCOUNT.get(plain[:2])
    found = account.match(plain) if account else None
    if found is None or int("".join(str(int(one, 36)) for one in found[0][4:] + found[0][:4])) % 97 != 1:
        return 0
    rest = len(plain) - len(found[0])
    end = len(text)
    while rest:
        end -= 1
        rest -= text[end] not in " -"
    return len(text[:end].rstrip(" -"))


def ipv6(text: str) -> int:
    """Return the length of an IPv6 address: no time, no card's own address of eight bytes, no name in C++."""
    try:
        IPv6Address(text)
    except AddressValueError:
        return 0
    told = any(letter.isdecimal() for letter in text) and ("::" in text or max(map(len, text.split(":"))) > 2)
    return len(text) if told else 0


def phone(text: str) -> int:
    """Return the length of a telephone number: 8 to 15 digits of its own, and no offset of a time zone."""
    digits = _digits(text)
    together = text.removeprefix("+").isdecimal()
    return len(text) if (10 if together else 8) <= digits <= 15 and not _OFFSET.match(text) else 0


def local_phone(text: str) -> int:
    """Return the length of a telephone number as people write it beside the word for it: 7 to 15 digits, no date."""
    digits = _digits(text)
    dated = re.fullmatch(r"(?:19|20)\d\d[-. ]\d\d[-. ]\d\d.*|\d{1,3}(?:\.\d{1,3}){3}", text, re.ASCII)
    return len(text) if 7 <= digits <= 15 and not dated else 0


def whole(text: str) -> int:
    """Return the length of the text: what the exact pattern finds is always hidden."""
    return len(text)


def _digits(text: str) -> int:
    """Return how many digits a telephone number has, without its extension."""
    return sum(letter.isdecimal() for letter in text.partition("x")[0])
