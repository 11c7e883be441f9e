"""The detector of log lines, trained on what the warehouse holds and scoring an hour of it."""

import random
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from include.datasets import LOG_EVENT, Scope
from include.orchestration.log_lines import score_log_lines
from include.orchestration.trainers import train_any
from include.quality import Verdict
from include.warehouse import Load, load_verdict
from include.warehouse.schema import anomaly, episode
from include.window import Window
from models.base import NotTrainedError
from models.registry import LOG_LINES, Registry
from tests.orchestration.shop import NINE, Shop

NOTHING = pa.schema([("rule", pa.string()), ("raw", pa.string())]).empty_table()
DAYS = 4
HISTORY = Window(NINE.end - timedelta(days=DAYS), NINE.end)


def load(shop: Shop, window: Window, odd: datetime | None) -> None:
    """Load some failures an hour of two services, and one message never seen before where `odd` says when."""
    draw = random.Random(window.key)
    rows = [
        {"ts": window.start + timedelta(seconds=draw.uniform(0, window.duration.total_seconds())), "service": name}
        | {"message": f"payment {draw.randrange(999)} declined by bank", "level": "ERROR"}
        for name in ("cart", "checkout")
        for _ in range(40 * int(window.duration / timedelta(hours=1)))
    ]
    if odd:
        text = "segmentation fault in allocator while compacting arena, core dumped " * 6
        rows += [{"ts": odd, "service": "cart", "message": text, "level": "FATAL"}]
    whole = [{**dict.fromkeys(LOG_EVENT.schema.names), **row} for row in sorted(rows, key=lambda row: row["ts"])]
    load_verdict(
        shop.rt.warehouse,
        Scope("shop", "log_event", "logs", window),
        Verdict(pa.Table.from_pylist(whole, schema=LOG_EVENT.schema), NOTHING, [], None),
        Load(window.key, "run-1"),
        resolve=lambda alias: alias,
        clock=shop.rt.clock,
        meaning=shop.rt.config.logs,
    )


@pytest.fixture
def logged(tmp_path: Path, shop: Shop) -> Shop:
    """Return a shop with four days of ordinary failures, whose last hour holds a message never seen."""
    (tmp_path / "home" / "mlflow").mkdir()
    load(shop, Window(HISTORY.start, NINE.start), None)
    load(shop, NINE, NINE.start + timedelta(minutes=20))
    return shop


def test_a_message_never_seen_is_an_episode_of_its_template_and_scoring_again_changes_nothing(logged: Shop) -> None:
    with pytest.raises(NotTrainedError):
        score_log_lines(logged.rt, NINE)
    trained = train_any(logged.rt, Window(HISTORY.start, NINE.start), LOG_LINES, DAYS)
    assert trained["next"] in {"runs", "refused"}
    assert Registry(logged.rt.settings.mlflow, LOG_LINES).must_have_champion().number == trained["champion"]
    done = score_log_lines(logged.rt, NINE)
    assert done["lines"] == 81
    found = logged.rows(episode, episode.c.subject_kind == "log_template", episode.c.service == "cart")
    assert len(found) == 1
    assert (found["first_ts"].dt.minute == 20).all()
    assert found["description"].str.contains("FATAL").all()
    before = logged.rows(anomaly).drop(columns="run_id")
    score_log_lines(logged.again("test/again").rt, NINE)
    assert logged.rows(anomaly).drop(columns="run_id").equals(before)


def test_a_shop_without_logs_is_left_out_of_training_and_says_why(tmp_path: Path, shop: Shop) -> None:
    (tmp_path / "home" / "mlflow").mkdir()
    told = train_any(shop.rt, HISTORY, LOG_LINES, DAYS)
    assert told["next"] == "left out"
    assert "no log lines" in told["verdict"]
