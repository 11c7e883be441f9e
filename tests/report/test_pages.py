"""The pages, over a real store and without Airflow: what they show, refuse and promise."""

import time
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import HTTPException
from fastapi.testclient import TestClient

from include.report import capacity, slo
from include.report.document import Document, Edition
from include.report.pages import create_app
from include.report.store import Store
from tests.report import sample

BROWSER = {"accept": "text/html"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    kept = Store(str(tmp_path_factory.mktemp("documents")))
    status = sample.resources()
    points, ahead = sample.recent(status), sample.forecast(status)
    for audience in ("everyone", "payments"):
        previous = None
        for days in (2, 1, 0):
            window = sample.WINDOW.shifted(-timedelta(days=days))
            edition = Edition(audience=audience, time_zone="Europe/Berlin")
            previous = capacity.build(status, ahead, points, window, edition, previous)
            kept.write(previous)
    objectives = sample.objectives()
    kept.write(slo.build(objectives, sample.hourly(objectives), sample.HOUR, Edition()))
    return kept


@pytest.fixture(scope="module")
def client(store: Store) -> TestClient:
    return TestClient(create_app(store, lambda: None), follow_redirects=False)


def newest(store: Store, name: str = "capacity", audience: str = "everyone") -> str:
    entry = store.latest(name, audience)
    assert entry
    return f"/reports/{entry.name}/{entry.id}"


def test_the_overview_shows_the_newest_verdict_of_each_report_once(client: TestClient) -> None:
    page = client.get("/").text
    assert page.count("resources run out within 14\u00a0days") == 1
    assert page.count("error budgets is spent") == 1


def test_a_report_shows_its_verdict_and_links_to_the_one_before(client: TestClient, store: Store) -> None:
    page = client.get(newest(store)).text
    before = store.latest("capacity", "everyone", before=sample.END)
    assert before
    assert before.id in page
    assert "resources run out within 14\u00a0days" in page


def test_the_list_filters_by_report_audience_and_day(client: TestClient) -> None:
    def verdicts(query: str) -> int:
        return client.get(f"/reports{query}").text.count('class="badge-cell"')

    assert verdicts("") == 7
    assert verdicts("?name=slo") == 1
    assert verdicts("?audience=payments") == 3
    assert verdicts("?date=2026-11-19") == 2
    assert verdicts("?name=capacity&audience=payments&date=2026-11-18") == 1
    assert verdicts("?date=2020-01-01") == 0


def test_a_day_that_is_no_day_filters_nothing(client: TestClient) -> None:
    assert client.get("/reports?date=yesterday").text.count('class="badge-cell"') == 7


def test_the_date_picker_finds_the_newest_report_on_that_day_or_before(client: TestClient, store: Store) -> None:
    answer = client.get("/reports/find?name=capacity&audience=everyone&date=2026-12-24")
    assert (answer.status_code, answer.headers["location"]) == (303, newest(store))
    assert client.get("/reports/find?name=capacity&date=2026-11-01", headers=BROWSER).status_code == 404


def test_every_download_is_a_file_with_the_report_in_it(client: TestClient, store: Store) -> None:
    here = newest(store)
    json_, csv_, html_ = (client.get(f"{here}/{name}") for name in ("document.json", "table.csv", "report.html"))
    assert Document.from_json(json_.content).name == "capacity"
    assert csv_.text.splitlines()[0].startswith("resource,status,level,runs_out [UTC]")
    assert len(csv_.text.splitlines()) == 46
    assert "<script src" not in html_.text
    assert all(answer.headers["content-disposition"].startswith("attachment") for answer in (json_, csv_, html_))


@pytest.mark.parametrize(
    "path",
    [
        "/reports/../../etc/passwd",
        "/reports/capacity/..%2f..%2fetc%2fpasswd",
        "/reports/capacity/%2e%2e%2f%2e%2e%2fsecret",
        "/reports/%2e%2e/0000000000000000",
        "/reports/capacity/0000000000000000.json",
        "/reports/capacity/0000000000000000%00",
        "/reports/..%5c..%5c/0000000000000000",
        "/reports/capacity/" + "0" * 17,
    ],
)
def test_no_path_leads_out_of_the_store(client: TestClient, path: str) -> None:
    assert client.get(path, headers=BROWSER).status_code == 404


def test_the_store_itself_refuses_a_name_that_leads_out(store: Store) -> None:
    for name in ("../x", "..", "/etc", "a/b", "A", ""):
        assert store.entries(name) == []
        with pytest.raises(Exception, match="No report has such an address"):
            store.read(name, "0" * 16)


def test_an_unknown_report_says_where_to_look(client: TestClient) -> None:
    answer = client.get(f"/reports/capacity/{'0' * 16}", headers=BROWSER)
    assert answer.status_code == 404
    assert "All reports" in answer.text


def test_an_api_client_gets_its_error_as_json(client: TestClient) -> None:
    assert "not stored" in client.get(f"/reports/capacity/{'0' * 16}").json()["detail"]


def test_an_empty_store_explains_what_would_fill_it(tmp_path: Path) -> None:
    empty = TestClient(create_app(Store(str(tmp_path)), lambda: None))
    assert "report_capacity" in empty.get("/").text
    assert "report_capacity" in empty.get("/reports").text
    assert "report_data_quality" in empty.get("/data").text
    assert "training DAG" in empty.get("/models").text


def test_every_route_asks_who_reads(store: Store) -> None:
    def nobody() -> None:
        raise HTTPException(401)

    closed = create_app(store, nobody)
    client = TestClient(closed)
    paths = [route.path.format(name="capacity", document_id="0" * 16) for route in closed.routes]  # type: ignore[attr-defined]
    assert len(paths) == 11
    assert {client.get(path).status_code for path in paths} == {401}
    assert {client.get(path).status_code for path in ("/docs", "/openapi.json", "/redoc")} == {404}


def test_scripts_and_styles_run_only_with_the_nonce_of_the_answer(client: TestClient) -> None:
    first, second = client.get("/"), client.get("/")
    policy = first.headers["content-security-policy"]
    assert "unsafe-inline" not in policy
    assert "frame-ancestors 'self'" in policy
    assert policy != second.headers["content-security-policy"]
    nonce = policy.split("'nonce-")[1].split("'")[0]
    assert first.text.count(f'nonce="{nonce}"') == 2
    assert " style=" not in client.get("/reports").text


def test_what_a_document_says_is_never_markup(store: Store, tmp_path: Path) -> None:
    status = sample.resources()
    status["reason"] = "<script>alert(1)</script>"
    status["service"] = "<img src=x onerror=alert(1)>"
    kept = Store(str(tmp_path))
    document = capacity.build(status, sample.forecast(status), sample.recent(status), sample.WINDOW, Edition())
    kept.write(document)
    page = TestClient(create_app(kept, lambda: None)).get(f"/reports/capacity/{document.id}").text
    assert "<script>alert" not in page
    assert "<img" not in page


def test_every_page_is_served_within_200_ms(client: TestClient, store: Store) -> None:
    for path in ("/", "/reports", newest(store), newest(store, "slo"), f"{newest(store)}/report.html"):
        client.get(path)
        took = []
        for _ in range(5):
            start = time.perf_counter()
            assert client.get(path).status_code == 200
            took.append(time.perf_counter() - start)
        assert sorted(took)[2] < 0.2, f"{path} took {sorted(took)[2]:.3f} s"


def test_a_report_of_ten_thousand_resources_is_served_within_200_ms_and_says_that_it_is_cut(tmp_path: Path) -> None:
    import pandas as pd

    status = pd.concat([sample.resources()] * 220, ignore_index=True)
    kept = Store(str(tmp_path))
    document = capacity.build(
        status, sample.forecast(status.head(45)), sample.recent(status.head(45)), sample.WINDOW, Edition()
    )
    kept.write(document)
    client = TestClient(create_app(kept, lambda: None))
    client.get("/")
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        page = client.get(f"/reports/capacity/{document.id}").text
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.2
    assert "The first 200 rows; the CSV has all" in page
