"""Decides what of a landed batch is loaded: rows that break their contract are set apart, a bad batch is stopped.

In: a scope, its table, an `Expectation` of what is right there. Out: a `Verdict`: good rows, quarantined rows with rule
and raw text, one result per rule, and a sentence where the load must stop. Nothing is written here.
Read `judge.py` first, then `points.py` for the rules of metrics and `suites.py` for Great Expectations.
"""

from include.quality.expectation import Expectation
from include.quality.judge import judge
from include.quality.verdict import Level, RuleResult, Verdict

__all__ = ["Expectation", "Level", "RuleResult", "Verdict", "judge"]
