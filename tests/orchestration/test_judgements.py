"""Words from the pages on each engine: kept, merged once, the newest counts, nothing lost while nothing ran."""

from datetime import UTC, datetime, timedelta

import pytest

from include.clock import FixedClock
from include.inbox import Delivery, Inbox, inbox_beside
from include.orchestration.anomalies import publish_again, publish_anomalies
from include.orchestration.feedback import labels
from include.orchestration.judgements import merge_feedback
from include.orchestration.words import delivered, keeper
from include.report.judging import Judgement
from include.report.store import Store
from include.warehouse.schema import feedback, load_log
from include.window import Window
from tests.orchestration.shop import NOW, SEVEN, Shop
from tests.orchestration.test_feedback import at, found

pytestmark = pytest.mark.filterwarnings("ignore")
EPISODE = "00ff" * 4


def say(shop: Shop, moment: datetime, verdict: str, person: str = "ann", **more: object) -> None:
    word = Judgement(EPISODE, "cart", verdict, str(more.get("comment", "")), person, bool(more.get("taken_back")))
    started: list[Delivery] = []
    keeper(Inbox(inbox_beside(shop.rt.settings.landing)), FixedClock(moment), started.append)(word)
    assert [one.document["verdict"] for one in started] == [verdict]


def later(shop: Shop, minutes: float) -> Shop:
    return shop.again(clock=FixedClock(NOW + timedelta(minutes=minutes)))


def said(shop: Shop) -> list[tuple[object, ...]]:
    rows = shop.rows(feedback).sort_values("person")
    return list(rows[["person", "verdict", "deleted", "provisional"]].itertuples(index=False, name=None))


def test_a_word_is_merged_at_once_and_made_final_when_its_step_is_over(shop: Shop) -> None:
    say(shop, NOW, "noise", comment="a deployment")
    assert merge_feedback(later(shop, 1).rt) == {"rows": 1, "steps": 1}
    assert said(shop) == [("ann", "noise", False, True)]
    assert merge_feedback(later(shop, 70).rt) == {"rows": 1, "steps": 1}
    assert said(shop) == [("ann", "noise", False, False)]
    assert merge_feedback(later(shop, 75).rt) == {"rows": 0, "steps": 0}, "what is final is not read again"
    (row,) = shop.rows(feedback).to_dict("records")
    assert (row["subject_id"], row["service"], row["comment"]) == (EPISODE, "cart", "a deployment")


def test_the_newest_word_of_a_person_counts_and_others_have_their_own(shop: Shop) -> None:
    say(shop, NOW, "noise")
    say(shop, NOW + timedelta(minutes=1), "real")
    say(shop, NOW + timedelta(minutes=2), "noise", person="bob")
    say(shop, NOW + timedelta(minutes=3), "noise")
    merge_feedback(later(shop, 5).rt)
    assert said(shop) == [("ann", "noise", False, True), ("bob", "noise", False, True)]
    say(shop, NOW + timedelta(minutes=6), "noise", taken_back=True)
    merge_feedback(later(shop, 7).rt)
    assert said(shop) == [("ann", "noise", True, True), ("bob", "noise", False, True)]


def test_words_of_days_on_which_nothing_ran_are_not_lost(shop: Shop) -> None:
    say(shop, NOW, "noise")
    say(shop, NOW + timedelta(days=5), "real", person="bob")
    assert merge_feedback(later(shop, 9 * 1440).rt) == {"rows": 2, "steps": 2}
    assert [row[0] for row in said(shop)] == ["ann", "bob"]


def test_a_click_too_many_is_one_word(shop: Shop) -> None:
    inbox = Inbox(inbox_beside(shop.rt.settings.landing))
    word = delivered(Judgement(EPISODE, "cart", "real", "", "ann"), NOW)
    assert inbox.put(word)
    assert not inbox.put(delivered(Judgement(EPISODE, "cart", "real", "", "ann"), NOW + timedelta(milliseconds=300)))


def test_no_address_and_no_secret_is_kept(shop: Shop) -> None:
    say(shop, NOW, "noise", person="ann.lee@example.org", comment="ask bob@example.org, password=hunter22")
    merge_feedback(later(shop, 1).rt)
    (row,) = shop.rows(feedback).to_dict("records")
    assert row["person"] == "ann.lee"
    assert "example.org" not in row["comment"]
    assert "hunter22" not in row["comment"]


def test_steps_of_five_minutes_are_loaded_each_once(shop: Shop) -> None:
    small = shop.again(grid_minutes=5)
    say(small, NOW, "noise")
    assert merge_feedback(small.again(clock=FixedClock(NOW + timedelta(minutes=2))).rt)["rows"] == 1
    merge_feedback(small.again(clock=FixedClock(NOW + timedelta(minutes=61))).rt)
    assert said(small) == [("ann", "noise", False, False)]
    loads = small.rows(load_log, load_log.c.status == "loaded")
    assert loads["window_start"].is_unique


def test_a_word_stands_on_the_page_and_is_a_label(shop: Shop) -> None:
    found(shop, {"episode_id": EPISODE, "first_ts": at("07:10"), "last_ts": at("07:20")})
    (document,) = publish_anomalies(shop.rt, SEVEN)
    store = Store(shop.rt.settings.documents)
    assert store.read("anomalies", document).tables[0].column("said").values == [None]
    assert "1 of 1 episode is high or critical" in store.read("anomalies", document).verdict.text
    say(shop, datetime(2026, 11, 5, 11, 0, tzinfo=UTC), "noise")
    merge_feedback(shop.rt)
    assert publish_again(shop.rt) == [document]
    again = store.read("anomalies", document)
    assert again.tables[0].column("said").values == ["noise, says ann"]
    assert again.actions == [], "what is noise needs nobody"
    assert labels(shop.rt.warehouse, Window.parse("2026-11-05/2026-11-06"))["verdict"].tolist() == ["noise"]


def test_without_a_page_there_is_none_to_build_again(shop: Shop) -> None:
    assert publish_again(shop.rt) == []
