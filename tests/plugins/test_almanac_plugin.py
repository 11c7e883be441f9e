"""The plugin as Airflow mounts it: only signed-in users whom the auth manager lets in; a browser is sent to sign in."""

import importlib.util
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pytest

from include.inbox import Inbox
from include.report import anomalies, capacity
from include.report.document import Edition
from include.report.store import Store
from include.window import Window
from tests.config.folder import write_config
from tests.report import sample, sample_anomalies

PLUGIN = Path(__file__).parents[2] / "plugins" / "almanac_plugin.py"
PATHS = (
    "/", "/reports", "/reports/find?name=capacity", "/data", "/models", "/anomalies", "/drift",
    "/feedback/anomalies/0000000000000000", "/reports/capacity/0000000000000000",
    "/reports/capacity/0000000000000000/report.html", "/reports/capacity/0000000000000000/table.csv",
    "/reports/capacity/0000000000000000/document.json",
)  # fmt: skip


@pytest.fixture(scope="module")
def plugin() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("almanac_plugin", PLUGIN)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("almanac_plugin", None)


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documents")
    status = sample.resources()
    found = (sample_anomalies.episodes(), {}, {}, {}, {})
    Store(str(folder)).write(anomalies.build(*found, sample.WINDOW, Edition()))
    Store(str(folder)).write(
        capacity.build(status, sample.forecast(status), sample.recent(status), sample.WINDOW, Edition())
    )
    return folder


@pytest.fixture
def visit(plugin: ModuleType, documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A client of an app that mounts the plugin as Airflow does; `as_role` signs a user in."""
    from airflow.api_fastapi.app import create_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.api_fastapi.core_api.security import get_user
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    from include.settings import settings

    settings.cache_clear()
    monkeypatch.setenv("ALMANAC_DOCUMENTS_URL", str(documents))
    monkeypatch.setenv("ALMANAC_HOME", str(tmp_path / "home"))
    create_auth_manager()
    (declared,) = [app for app in plugin.AlmanacPlugin.fastapi_apps if app["name"] == "Almanac"]
    pages = plugin.Pages()
    app = FastAPI()
    app.mount(declared["url_prefix"], pages)
    client = TestClient(app, follow_redirects=False)

    def as_role(role: str | None) -> TestClient:
        pages.app.dependency_overrides[get_user] = lambda: SimpleAuthManagerUser(username="ann", role=role)
        return client

    client.as_role = as_role  # type: ignore[attr-defined]
    yield client
    settings.cache_clear()


@pytest.mark.parametrize("path", PATHS)
def test_nobody_who_is_not_signed_in_reads_anything(visit, path: str) -> None:
    assert visit.get(f"/almanac{path}").status_code == 401


def test_a_browser_that_is_not_signed_in_is_sent_to_sign_in_and_back(visit) -> None:
    answer = visit.get("/almanac/reports?name=slo", headers={"accept": "text/html,*/*"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/auth/login?next=%2Falmanac%2Freports%3Fname%3Dslo"


def test_a_forged_token_is_as_good_as_none(visit) -> None:
    assert visit.get("/almanac/reports", headers={"authorization": "Bearer forged"}).status_code in {401, 403}
    answer = visit.get("/almanac/", headers={"accept": "text/html", "cookie": "_token=forged"})
    assert answer.headers["location"].startswith("/auth/login")


@pytest.mark.parametrize("path", PATHS)
def test_a_user_without_a_role_is_refused(visit, path: str) -> None:
    assert visit.as_role(None).get(f"/almanac{path}").status_code == 403


def test_a_refusal_says_whom_to_ask(visit) -> None:
    page = visit.as_role(None).get("/almanac/", headers={"accept": "text/html"}).text
    assert "Ask whoever administers Airflow" in page


@pytest.mark.parametrize("role", ["VIEWER", "USER", "OP", "ADMIN"])
def test_every_role_that_may_see_views_reads_reports(visit, role: str) -> None:
    client = visit.as_role(role)
    page = client.get("/almanac/", headers={"accept": "text/html"})
    assert page.status_code == 200
    link = page.text.split('href="/almanac/reports/capacity/')[1].split('"')[0]
    assert "payments-db disk" in client.get(f"/almanac/reports/capacity/{link}").text


def word_on_first(client, verdict: str = "noise", **headers: str):
    page = client.as_role("USER").get("/almanac/anomalies").text
    target = page.split('<form class="judge" action="')[1].split('"')[0]
    form = {"origin": "http://testserver", "content-type": "application/x-www-form-urlencoded", **headers}
    body = f"subject={'a' * 16}&verdict={verdict}"
    return lambda role: client.as_role(role).post(target, content=body, headers=form).status_code


def words_kept(folder: Path) -> list[dict[str, object]]:
    inbox = Inbox(str(folder / "home" / "landing-inbox"))
    hours = inbox.hours("almanac-pages")
    window = Window(hours[0], hours[-1] + timedelta(hours=1)) if hours else None
    return [one.document for one in inbox.read("almanac-pages", window)] if window else []


@pytest.mark.usefixtures("airflow_db")
def test_who_may_start_the_merge_may_judge_an_episode_in_their_own_name(visit, tmp_path: Path) -> None:
    assert word_on_first(visit)("USER") == 303
    (word,) = words_kept(tmp_path)
    assert (word["subject_id"], word["verdict"], word["person"]) == ("a" * 16, "noise", "ann")
    assert (word["service"], word["deleted"]) == ("checkout", False)


@pytest.mark.parametrize("role", ["VIEWER", None])
def test_a_viewer_reads_and_does_not_judge(visit, tmp_path: Path, role: str | None) -> None:
    assert word_on_first(visit)(role) == 403
    assert words_kept(tmp_path) == []


def test_a_form_of_another_site_is_refused_whoever_is_signed_in(visit, tmp_path: Path) -> None:
    assert word_on_first(visit, origin="https://evil.example")("ADMIN") == 403
    assert words_kept(tmp_path) == []


def test_a_word_of_nobody_is_refused(visit, tmp_path: Path) -> None:
    target = f"/almanac/feedback/anomalies/{'0' * 16}"
    form = {"origin": "http://testserver", "content-type": "application/x-www-form-urlencoded"}
    assert visit.post(target, content="subject=a&verdict=real", headers=form).status_code == 401


@pytest.mark.usefixtures("airflow_db")
def test_deliveries_are_let_in_by_their_secret_beside_pages_that_ask_for_a_sign_in(
    plugin: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.api_fastapi.app import create_auth_manager
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    from include.settings import settings

    source = (
        "{type: webhook, connection: pages_hook, options: {provider: alertmanager}, feeds: {pages: {dataset: alert}}}"
    )
    given = {"services": "services: {cart: {owner: storefront}}", "queries": "queries: {}"}
    config = write_config(tmp_path / "config", sources=f"sources: {{pages: {source}}}", **given)
    monkeypatch.setenv("ALMANAC_CONFIG_DIR", str(config))
    monkeypatch.setenv("ALMANAC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIRFLOW_CONN_PAGES_HOOK", '{"conn_type": "http", "extra": {"token": "right"}}')
    settings.cache_clear()
    create_auth_manager()
    app = FastAPI()
    for declared in plugin.AlmanacPlugin.fastapi_apps:
        app.mount(declared["url_prefix"], type(declared["app"])())
    client = TestClient(app)
    alerts = {"alerts": []}
    assert client.post("/almanac/hooks/pages", json=alerts).status_code == 401
    assert (
        client.post("/almanac/hooks/pages", json=alerts, headers={"Authorization": "Bearer right"}).status_code == 202
    )
    assert len(list((tmp_path / "home" / "landing-inbox" / "pages").rglob("*.json"))) == 1
    assert client.get("/almanac/").status_code == 401
    settings.cache_clear()


def test_airflow_finds_the_plugin_its_app_and_its_place_in_the_navigation() -> None:
    from airflow import plugins_manager

    apps, _ = plugins_manager.get_fastapi_plugins()
    mounted = [app for app in apps if app["name"] == "Almanac"]
    assert [app["url_prefix"] for app in mounted] == ["/almanac"]
    views, _ = plugins_manager._get_ui_plugins()
    ours = [view for view in views if view["name"] == "Almanac"]
    assert [(view["href"], view["destination"]) for view in ours] == [("/almanac/", "nav")]
    assert all(view["icon"].startswith("data:image/svg+xml,") for view in ours)


def test_loading_the_plugin_imports_no_heavy_library() -> None:
    import subprocess

    code = (
        f"import sys; sys.path.insert(0, {str(PLUGIN.parent)!r}); from airflow.plugins_manager import AirflowPlugin; "
        "before = set(sys.modules); import almanac_plugin; new = set(sys.modules) - before; print(sorted(new))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip().splitlines()[-1] == "['almanac_plugin']"
