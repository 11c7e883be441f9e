"""The store of documents: idempotent, atomic, indexed, on a local folder and on an object store."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import pytest

from include.report import slo
from include.report.document import Document, Edition
from include.report.store import DocumentDamagedError, DocumentMissingError, Store
from tests.report import sample


def document(hours: int = 0, audience: str = "everyone") -> Document:
    none = sample.objectives().head(0)
    window = sample.HOUR.shifted(timedelta(hours=hours))
    return slo.build(none, sample.hourly(sample.objectives().head(1)).head(0), window, Edition(audience=audience))


@pytest.fixture(params=["folder", "object store"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(str(tmp_path) if request.param == "folder" else f"memory://{tmp_path.name}")


def test_a_document_is_read_back_equal_and_listed_once_however_often_it_is_written(store: Store) -> None:
    entry = store.write(document())
    assert store.write(document()) == entry
    assert store.read("slo", entry.id) == document()
    assert store.entries("slo") == [entry]
    assert store.names() == ["slo"]


def test_entries_come_newest_first_over_months(store: Store) -> None:
    for hours in (0, -24 * 40, 5):
        store.write(document(hours))
    ends = [entry.window_end - sample.END for entry in store.entries("slo")]
    assert ends == [timedelta(hours=5), timedelta(0), -timedelta(days=40)]
    assert [entry.window_end for entry in store.entries_about("slo", date(2026, 10, 11))][-1] == sample.END - timedelta(
        days=40
    )


def test_the_report_before_is_that_of_the_same_audience(store: Store) -> None:
    store.write(document(-2))
    store.write(document(-1, "payments"))
    store.write(document(0))
    assert store.previous("slo", "everyone", sample.END) == document(-2)
    assert store.previous("slo", "identity", sample.END) is None


def test_a_damaged_document_is_said_and_is_no_previous_one(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    entry = store.write(document(-1))
    (tmp_path / "slo" / "documents" / f"{entry.id}.json").write_text('{"half": ')
    with pytest.raises(DocumentDamagedError, match="cannot be read"):
        store.read("slo", entry.id)
    assert store.previous("slo", "everyone", sample.END) is None


def test_a_document_that_is_gone_is_said(store: Store) -> None:
    with pytest.raises(DocumentMissingError, match="not stored"):
        store.read("slo", "0" * 16)


def test_writers_of_one_index_lose_no_entry(tmp_path: Path) -> None:
    made = [document(-hours, audience) for hours in range(12) for audience in ("everyone", "payments")]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: Store(str(tmp_path)).write(one), made))
    assert {entry.id for entry in Store(str(tmp_path)).entries("slo")} == {one.id for one in made}
    assert not list(tmp_path.glob("slo/documents/.*"))


def test_an_index_that_is_lost_is_made_again_from_the_documents(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    written = [store.write(document(-hours)) for hours in range(3)]
    for index in (tmp_path / "slo" / "index").glob("*.json"):
        index.unlink()
    assert store.rebuild("slo") == 3
    assert store.entries("slo") == written
