"""Publishing: each audience its own edition, compared with its own last one, listed and due once."""

from datetime import timedelta

from include.orchestration.publish import publish
from include.report import EVERYONE, Document, Edition, Store
from include.report.document import FinePrint, Level, Verdict
from include.warehouse.schema import delivery, report
from include.window import Window
from tests.orchestration.shop import EIGHT, NINE, Shop


def build(window: Window, seen: list[str | None], word: str = "All is well."):
    def one(edition: Edition, previous: Document | None) -> Document:
        seen.append(previous.id if previous else None)
        return Document(
            name="slo",
            title="Error budgets",
            audience=edition.audience,
            time_zone=edition.time_zone,
            window_start=window.start,
            window_end=window.end,
            verdict=Verdict(level=Level.OK, text=word, subject=word),
            nothing_to_do="Nothing.",
            compared=True,
            fine_print=FinePrint(notes=[], next_at=edition.next_at, run_id=edition.run_id),
        )

    return one


def test_an_edition_is_compared_with_the_one_before_it_of_the_same_audience(shop: Shop):
    first: list[str | None] = []
    ids = publish(shop.rt, "slo", EIGHT, build(EIGHT, first), ["payments"], EIGHT.end + timedelta(hours=1))
    second: list[str | None] = []
    publish(shop.rt, "slo", NINE, build(NINE, second), ["payments"], NINE.end + timedelta(hours=1))
    assert first == [None, None]
    assert second == ids


def test_a_document_that_is_built_again_replaces_itself_and_is_listed_and_due_once(shop: Shop):
    for word in ("All is well.", "Late data came: all is not well."):
        (one,) = publish(shop.rt, "slo", NINE, build(NINE, [], word), [], NINE.end)
    assert Store(shop.rt.settings.documents).read("slo", one).verdict.text == "Late data came: all is not well."
    assert shop.rows(report)["report_id"].tolist() == [one]
    assert shop.rows(delivery)["audience"].tolist() == [EVERYONE]


def test_a_page_that_is_not_mailed_is_due_to_nobody(shop: Shop):
    publish(shop.rt, "slo", NINE, build(NINE, []), [], NINE.end, mailed=False)
    assert len(shop.rows(report)) == 1
    assert shop.rows(delivery).empty
