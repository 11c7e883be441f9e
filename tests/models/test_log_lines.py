"""The detector of log lines: what it flags, what it leaves alone, its gate, and the rows of its tables."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.window import Window
from models import store
from models.base import ModelError
from models.episodes import ANOMALY_COLUMNS, EPISODE_COLUMNS
from models.log_episodes import windowed
from models.log_features import Vocabulary
from models.log_gate import compare, flagged_per_day, plant
from models.log_lines import LINE_SCORES, LogLines, TemplateRarity
from tests.models.lines import START, log_lines

LINES = log_lines()
TRAINED = START + pd.Timedelta(days=6)
HEAD = LINES[LINES["ts"] < TRAINED]
LATER = LINES[LINES["ts"] >= TRAINED].reset_index(drop=True)


def trained(kind: type[LogLines] = LogLines, lines: pd.DataFrame = HEAD) -> LogLines:
    return kind(trees=50).fit(lines)


MODEL = trained()


def one(**changed: Any) -> pd.DataFrame:
    """Return one ordinary line of noon, changed."""
    line = {"service": "s0", "ts": TRAINED + pd.Timedelta(hours=12), "level": "INFO", "template_id": 0, "length": 40}
    return pd.DataFrame([line | changed])


def alarm(model: LogLines = MODEL, **changed: Any) -> float:
    return float(model.score(one(**changed))["alarm"].iloc[0])


def test_there_is_one_row_per_line_in_order_and_no_nan() -> None:
    scores = MODEL.score(LATER)
    assert tuple(scores.columns) == LINE_SCORES
    assert scores["subject_id"].tolist() == LATER["template_id"].tolist()
    assert not scores.isna().any().any()


def test_an_ordinary_line_is_not_flagged() -> None:
    assert alarm() < 0.5


def test_an_unknown_template_is_flagged_and_said_to_be_rare() -> None:
    assert alarm(template_id=77_777) >= 1
    assert "a rare template" in MODEL.explain(one(template_id=77_777), np.array([0]))[0]


def test_an_error_at_an_hour_that_never_has_one_is_flagged_and_the_same_error_by_day_is_not() -> None:
    night = TRAINED + pd.Timedelta(hours=3)
    assert alarm(ts=night, level="ERROR", template_id=7, length=75) >= 1
    assert alarm(level="ERROR", template_id=7, length=75) < 1


def test_a_line_ten_times_as_long_as_its_template_is_flagged() -> None:
    assert alarm(length=400) >= 1
    assert "an unusual length" in MODEL.explain(one(length=400), np.array([0]))[0]


def test_a_template_of_another_service_is_less_strange_than_one_that_nobody_knows() -> None:
    assert alarm(template_id=1_000) < alarm(template_id=77_777)


def test_a_service_that_makes_a_new_template_of_every_line_is_not_flagged_for_the_next_one() -> None:
    babble = LINES[LINES["service"] == "s0"].assign(service="babble")
    babble = babble.assign(template_id=np.arange(len(babble)) + 1_000_000)
    model = trained(lines=pd.concat([HEAD, babble[babble["ts"] < TRAINED]]).sort_values("ts"))
    assert alarm(model, service="babble", template_id=55_555_555) < 1
    assert alarm(model, template_id=55_555_555) >= 1


def test_a_new_service_is_judged_by_what_all_services_know() -> None:
    scores = MODEL.score(LATER.assign(service="born today"))
    assert np.isfinite(scores["alarm"]).all()
    assert (scores["alarm"] < 1).mean() > 0.9
    assert alarm(service="born today", template_id=77_777) < 1
    assert alarm(service="born today", length=4_000) >= 1


def test_the_held_out_lines_stay_within_the_budget_of_flagged_templates() -> None:
    assert flagged_per_day(MODEL, LATER) <= 1.5
    assert flagged_per_day(LogLines(budget=0.1, trees=50).fit(HEAD), LATER) <= flagged_per_day(MODEL, LATER)


def test_a_score_depends_on_its_own_line_alone() -> None:
    whole = MODEL.score(LATER)["score"].to_numpy()
    order = np.random.default_rng(0).permutation(len(LATER))[:500]
    assert np.array_equal(MODEL.score(LATER.iloc[order])["score"].to_numpy(), whole[order])
    since = TRAINED + pd.Timedelta(hours=5)
    assert np.array_equal(MODEL.score(LATER, since)["score"].to_numpy(), whole[(LATER["ts"] >= since).to_numpy()])


def test_the_order_of_the_training_lines_does_not_matter_and_the_seed_decides() -> None:
    again = trained(lines=HEAD.sample(frac=1, random_state=3))
    assert again.threshold == MODEL.threshold
    for name, array in MODEL.state().arrays.items():
        assert np.array_equal(array, again.state().arrays[name]), name


@pytest.mark.parametrize("kind", [LogLines, TemplateRarity])
def test_a_saved_model_gives_the_same_scores(kind: type[LogLines], tmp_path: Path) -> None:
    model = trained(kind)
    store.save(model, tmp_path)
    pd.testing.assert_frame_equal(store.load(tmp_path).score(LATER), model.score(LATER), check_exact=True)


def test_counts_of_all_lines_say_how_rare_a_template_is_where_only_some_were_kept() -> None:
    counts = HEAD.assign(lines=np.where(HEAD["template_id"] == 20, 500, 1))
    counted = LogLines(trees=50).fit(HEAD, counts)
    rarity = [model.vocabulary.features(one(template_id=20))[0, 0] for model in (MODEL, counted)]
    assert rarity[1] < rarity[0] - 1


def test_lines_without_a_level_count_as_info_and_lengths_beyond_all_measure_stay_finite() -> None:
    odd = pd.concat([one(level=None), one(level=np.nan), one(length=10**18), one(length=0)], ignore_index=True)
    scores = MODEL.score(odd)["score"].to_numpy()
    assert np.isfinite(scores).all()
    assert scores[0] == scores[1] == MODEL.score(one())["score"].iloc[0]


def test_the_hour_is_that_of_the_service() -> None:
    counts = HEAD.assign(lines=1)
    there = Vocabulary.learn(HEAD, counts, {"s0": "Asia/Tokyo"}).features(one())
    assert there[0, -2:].tolist() == [21.0, 6.0]


@settings(max_examples=20, deadline=None)
@given(
    template=st.integers(-(2**63), 2**63 - 1),
    length=st.integers(0, 10**9),
    level=st.sampled_from(["INFO", "ERROR", "FATAL", "DEBUG", None, "nonsense"]),
)
def test_any_line_has_a_finite_score(template: int, length: int, level: str | None) -> None:
    assert np.isfinite(alarm(template_id=template, length=length, level=level))


def test_too_few_lines_and_lines_of_one_moment_are_refused_with_advice() -> None:
    with pytest.raises(ModelError, match="Load more history"):
        LogLines().fit(HEAD.head(100))
    with pytest.raises(ModelError, match="one moment"):
        LogLines().fit(HEAD.assign(ts=TRAINED))


def test_at_the_gate_the_model_beats_plain_rarity_and_a_shuffled_score_is_refused() -> None:
    class Shuffled(LogLines):
        def score(self, lines: pd.DataFrame, since: Any = None) -> pd.DataFrame:
            found = super().score(lines, since)
            order = np.random.default_rng(0).permutation(len(found))
            return found.assign(score=found["score"].to_numpy()[order], alarm=found["alarm"].to_numpy()[order])

    baseline = trained(TemplateRarity)
    found = compare(MODEL, None, baseline, LINES, since=TRAINED.to_pydatetime())
    assert found.accepted, found.verdict
    assert found.quality["challenger"] > 0.9 > found.quality["template_rarity"]
    assert "flagged templates per service and day" in found.verdict
    assert not compare(
        Shuffled.from_state(MODEL.state()), None, baseline, LINES, since=TRAINED.to_pydatetime()
    ).accepted
    assert not compare(MODEL, MODEL, baseline, LINES, since=TRAINED.to_pydatetime()).accepted


def test_planted_lines_are_the_same_for_everybody_and_fifteen_per_service() -> None:
    first, second = plant(LATER, 7), plant(LATER, 7)
    pd.testing.assert_frame_equal(first.lines, second.lines)
    assert np.bincount(first.kind + 1).tolist() == [len(LATER), 15, 15, 15]
    assert first.lines["ts"].is_monotonic_increasing


def test_a_gate_without_lines_says_so() -> None:
    with pytest.raises(ModelError, match="nothing to judge by"):
        compare(MODEL, None, MODEL, LINES.head(50), since=START.to_pydatetime())


def test_a_burst_of_a_new_template_is_one_episode_with_one_row_a_minute() -> None:
    begin = TRAINED + pd.Timedelta(hours=10)
    burst = pd.concat([one(ts=begin + pd.Timedelta(seconds=10 * at), template_id=9_999) for at in range(60)])
    lines = pd.concat([LATER, burst]).sort_values("ts", ignore_index=True)
    window = Window(begin.to_pydatetime(), (begin + pd.Timedelta(hours=1)).to_pydatetime())
    found = windowed(MODEL, lines, window, model_version="3")
    assert tuple(found.anomaly.columns) == ANOMALY_COLUMNS
    assert tuple(found.episode.columns) == EPISODE_COLUMNS
    mine = found.anomaly[found.anomaly["subject_id"] == 9_999]
    assert len(mine) == 10
    assert mine["subject_kind"].eq("log_template").all()
    (episode,) = found.episode[found.episode["subject_id"] == 9_999].to_dict("records")
    assert (episode["points"], episode["state"], episode["service"]) == (10, "closed", "s0")
    assert mine["episode_id"].eq(episode["episode_id"]).all()
    assert "a rare template" in episode["description"]
    assert "a rare template" in episode["evidence"]["features"]


def test_an_episode_keeps_its_id_from_window_to_window_and_is_open_until_half_an_hour_is_quiet() -> None:
    begin = TRAINED + pd.Timedelta(hours=10, minutes=50)
    lines = pd.concat([one(ts=begin + pd.Timedelta(minutes=at), template_id=9_999) for at in range(20)])
    hours = [TRAINED + pd.Timedelta(hours=at) for at in (10, 11, 12)]
    windows = [Window(at.to_pydatetime(), at.to_pydatetime() + timedelta(hours=1)) for at in hours]
    first, second, third = (windowed(MODEL, lines, window, model_version="3").episode for window in windows)
    assert first["state"].tolist() == ["open"]
    assert second["state"].tolist() == ["closed"]
    assert first["episode_id"].tolist() == second["episode_id"].tolist()
    assert third.empty


def test_only_errors_are_more_than_medium() -> None:
    lines = pd.concat([one(template_id=9_999, length=10_000), one(template_id=9_998, length=10_000, level="FATAL")])
    window = Window(TRAINED.to_pydatetime(), (TRAINED + pd.Timedelta(days=1)).to_pydatetime())
    found = windowed(MODEL, lines.reset_index(drop=True), window, model_version="3").anomaly
    assert dict(zip(found["subject_id"], found["severity"], strict=True)) == {9_999: "MEDIUM", 9_998: "CRITICAL"}


def test_a_window_without_lines_has_no_rows_but_all_columns() -> None:
    window = Window(TRAINED.to_pydatetime(), (TRAINED + pd.Timedelta(hours=1)).to_pydatetime())
    for lines in (LATER.head(0), one(), one(ts=TRAINED)):
        found = windowed(MODEL, lines, window, model_version="3")
        assert tuple(found.anomaly.columns) == ANOMALY_COLUMNS
        assert len(found.anomaly) == len(found.episode) == 0


def test_a_served_frame_may_hold_times_as_text() -> None:
    served = MODEL.serve(one(template_id=9_999).astype({"ts": str}))
    assert served["alarm"].iloc[0] >= 1
