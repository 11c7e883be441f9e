import pyarrow as pa
import pytest

from include.config.logs import LogRules
from include.parse.classes import classes_of


def class_of(template: str, level: str = "INFO", lines: int = 100, rules: LogRules | None = None) -> str:
    found = classes_of(pa.array([template]), pa.array([level]), pa.array([lines]), rules or LogRules())
    return str(found[0])


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("FATAL", "CRITICAL"),
        ("ERROR", "CRITICAL"),
        ("WARN", "INTERESTING"),
        ("INFO", "ROUTINE"),
        ("DEBUG", "ROUTINE"),
        ("TRACE", "ROUTINE"),
        ("UNKNOWN", "ROUTINE"),
    ],
)
def test_the_level_decides_where_the_words_do_not(level: str, expected: str) -> None:
    assert class_of("something happened", level) == expected


@pytest.mark.parametrize(
    "template",
    [
        "Failed password for root from <*> port <*>",
        "authentication failure; logname=<*> uid=<*>",
        "AuthenticationFailure for <*>",
        "login of <*> denied",
        "login_failed user=<*>",
        "Invalid user <*> from <*>",
        "reverse mapping failed - POSSIBLE BREAK-IN ATTEMPT!",
        "payment <*> declined by issuer",
        "PaymentDeclined order=<*>",
        "charge <*> failed: insufficient funds",
        "card rejected",
        "fraud suspected on account <*>",
        "SQL injection in parameter <*>",
        "open <*>: Permission denied",
        "token signature mismatch: invalid signature",
    ],
)
def test_failures_of_security_login_and_payment_are_critical_at_any_level(template: str) -> None:
    assert class_of(template, "INFO") == "CRITICAL"


@pytest.mark.parametrize(
    "template",
    [
        "login of <*> from <*>",
        "session opened for user <*> by (uid=<*>)",
        "payment <*> accepted",
        "fraud check ok",
        "POST /checkout took <*> ms",
        "Accepted password for <*> from <*>",
        "author failed to load picture",
        "discharge of battery failed",
        "cache miss",
    ],
)
def test_what_went_well_or_only_looks_alike_is_routine(template: str) -> None:
    assert class_of(template) == "ROUTINE"


def test_a_rare_template_is_interesting() -> None:
    assert class_of("hello", lines=4) == "INTERESTING"
    assert class_of("hello", lines=5) == "ROUTINE"
    assert class_of("hello", lines=1, rules=LogRules(rare_lines=0)) == "ROUTINE"


def test_rules_of_ones_own() -> None:
    rules = LogRules.model_validate(
        {
            "critical": {"parcels": {"about": "parcel*", "says": ["lost"]}},
            "interesting": {"slow": {"says": "slow_query"}},
        }
    )
    assert class_of("Parcels were lost", rules=rules) == "CRITICAL"
    assert class_of("a slow query", rules=rules) == "INTERESTING"
    assert class_of("payment declined", rules=rules) == "CRITICAL"
    without = LogRules.model_validate({"critical": {"payment": None}})
    assert class_of("payment declined", rules=without) == "ROUTINE"
