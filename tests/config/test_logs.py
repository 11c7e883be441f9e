import re
from pathlib import Path

import pytest

from include.config import ConfigError, LogRules, load_config
from include.config.logs import CRITICAL, WordRule
from tests.config.folder import write_config


def test_without_logs_yaml_one_routine_line_in_ten_is_kept_and_everything_is_redacted(tmp_path: Path) -> None:
    logs = load_config(write_config(tmp_path)).logs
    assert logs == LogRules()
    assert (logs.routine_sample, logs.rare_lines, logs.price_per_gib) == (0.1, 5, None)
    assert sorted(logs.critical) == ["authentication", "fraud", "payment", "security"]
    assert logs.redaction.off == frozenset()


def test_what_logs_yaml_says(tmp_path: Path) -> None:
    text = """
        routine_sample: 0.05
        rare_lines: 3
        price_per_gib: 0.25
        currency: USD
        critical:
          payment: null
          shipping: {about: [Parcel*], says: lost}
        interesting:
          slow: {says: [slow query, timed out]}
        redaction:
          kinds: {phone: false}
          patterns: {customer: 'C-[0-9]{8}'}
    """
    logs = load_config(write_config(tmp_path, logs=text)).logs
    assert (logs.routine_sample, logs.rare_lines, logs.price_per_gib, logs.currency) == (0.05, 3, 0.25, "USD")
    assert sorted(logs.critical) == ["authentication", "fraud", "security", "shipping"]
    assert logs.critical["shipping"] == WordRule(about=("parcel*",), says=("lost",))
    assert logs.critical["fraud"] == CRITICAL["fraud"]
    assert logs.interesting["slow"].says == ("slow query", "timed out")
    assert logs.redaction.off == {"phone"}
    assert logs.redaction.patterns == {"customer": "C-[0-9]{8}"}


@pytest.mark.parametrize(
    ("text", "key", "allowed"),
    [
        ("routine_sample: 2", "routine_sample", "less than or equal to 1"),
        ("routin_sample: 0.2", "routin_sample", "did you mean 'routine_sample'?"),
        (
            "critical: {payment: {about: [card]}}",
            "critical.payment.says",
            "what it says of it, such as fail* or declin*",
        ),
        ("critical: {payment: {says: ['*']}}", "critical.payment.says[0]", "a word or phrase such as fail*"),
        ("redaction: {kinds: {fone: false}}", "redaction.kinds.fone", "did you mean 'phone'?"),
        ("redaction: {patterns: {a: '('}}", "redaction.patterns.a", "a regular expression that RE2 understands"),
        ("redaction: {patterns: {a: 'x*'}}", "redaction.patterns.a", "that does not match the empty text"),
        ("redaction: {patterns: {a: '[a-z]+'}}", "redaction", "'a' finds something in <private_key>"),
        ("redaction: {patterns: {A b: 'x'}}", "redaction.patterns.A b", "match pattern"),
    ],
)
def test_an_error_in_logs_yaml_names_the_key_and_what_is_allowed(
    tmp_path: Path, text: str, key: str, allowed: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(write_config(tmp_path, logs=text + "\n"))
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.key) == ("logs.yaml", 1, key)
    assert allowed in problem.allowed


def test_the_rules_for_logs_are_part_of_the_fingerprint(tmp_path: Path) -> None:
    one = load_config(write_config(tmp_path / "a")).fingerprint
    assert load_config(write_config(tmp_path / "b", logs="rare_lines: 5\n")).fingerprint == one
    assert load_config(write_config(tmp_path / "c", logs="rare_lines: 6\n")).fingerprint != one


def test_the_yaml_of_the_docs_is_accepted_as_it_stands(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", (Path(__file__).parents[2] / "docs" / "logs.md").read_text(), re.DOTALL)
    logs = load_config(write_config(tmp_path, logs=text)).logs
    assert sorted(logs.critical) == ["authentication", "payment", "security", "shipping"]
    assert logs.redaction.patterns == {"customer": "C-[0-9]{8}"}
