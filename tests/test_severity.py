"""One table of severities, and errors that say of themselves that trying again cannot mend them."""

import pytest

from include.config import ConfigError
from include.errors import PermanentError
from include.severity import SEVERITIES, Severity, UnknownSeverityError, severity_of
from include.sources import SourceRejected, SourceUnavailable
from include.warehouse.migrate import DatabaseNewerError, DatabaseNotMigratedError


@pytest.mark.parametrize(
    ("word", "severity", "number"),
    [
        ("SEV1", "CRITICAL", 5),
        ("SEV2", "HIGH", 4),
        ("SEV3", "MEDIUM", 3),
        ("SEV4", "LOW", 2),
        ("P5", "INFO", 1),
        (" Warning ", "MEDIUM", 3),
        ("page", "CRITICAL", 5),
        ("1", "CRITICAL", 5),
    ],
)
def test_every_scale_means_one_of_five(word: str, severity: str, number: int):
    assert (severity_of(word).name, int(severity_of(word))) == (severity, number)


def test_our_own_words_mean_themselves():
    assert {severity_of(one.name) for one in Severity} == set(Severity) == set(SEVERITIES.values())


def test_a_word_on_no_scale_is_refused_with_those_in_use():
    with pytest.raises(UnknownSeverityError, match="'spicy' is no severity"):
        severity_of("spicy")


@pytest.mark.parametrize("kind", [SourceRejected, ConfigError, DatabaseNewerError, DatabaseNotMigratedError])
def test_what_trying_again_cannot_mend_is_permanent(kind: type[Exception]):
    assert issubclass(kind, PermanentError)


def test_a_source_that_is_down_may_come_back():
    assert not issubclass(SourceUnavailable, PermanentError)
