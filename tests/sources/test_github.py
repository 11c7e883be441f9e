"""Changes from a fake GitHub: deployments with their statuses, releases, pages that move while they are read."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.sources import Credentials, SourceAnswerInvalid, SourceRejected, SourceUnavailable
from include.window import Window
from tests.fakes.api import Reply
from tests.fakes.github import DEPLOYMENT, RELEASE, STATUS, TOKEN, FakeGitHub
from tests.sources import card
from tests.sources.conftest import Ask

HOUR = Window(datetime(2026, 10, 1, 10, tzinfo=UTC), datetime(2026, 10, 1, 11, tzinfo=UTC))
WHO = Credentials(token=TOKEN)


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    said: list[float | None] = []

    def wait(_: object, state: Any) -> float:
        said.append(state.outcome.exception().retry_after_seconds)
        return 0.0

    monkeypatch.setattr("include.http.client.HttpClient._wait", wait)
    return said


def source(fake: FakeGitHub, who: Credentials | None = WHO, expr: str = "octocat/example", **options: Any) -> Any:
    feed = {"dataset": "change_event", "expr": expr, "options": options}
    return Ask.feed({"type": "github", "url": fake.url}, feed, credentials=who)


def ten(minute: int, second: int = 0) -> datetime:
    return datetime(2026, 10, 1, 10, minute, second, tzinfo=UTC)


def test_a_deployment_of_the_documentation_gives_its_columns() -> None:
    with FakeGitHub() as fake:
        fake.deployments, fake.statuses = [DEPLOYMENT], {1: [{**STATUS, "created_at": "2012-07-20T01:21:00Z"}]}
        moment = datetime(2012, 7, 20, 1, tzinfo=UTC)
        rows = Ask.rows(source(fake), Window(moment, moment + timedelta(hours=1)))
    assert rows == [
        {
            "change_id": "octocat/example/deployments/1",
            "kind": "deployment",
            "service": "example",
            "title": "Deploy request from hubot",
            "version": "a84d88e7554fc1fa21bcbc4efae3c782a70d2b9d",
            "started_at": datetime(2012, 7, 20, 1, 19, 13, tzinfo=UTC),
            "ended_at": datetime(2012, 7, 20, 1, 21, tzinfo=UTC),
            "labels": '{"creator":"octocat","environment":"production","ref":"topic-branch",'
            '"repository":"octocat/example","state":"success","task":"deploy"}',
            "url": "https://example.com/deployment/42/output",
            "updated_at": datetime(2012, 7, 20, 1, 21, tzinfo=UTC),
            "deleted": False,
            "raw": None,
        }
    ]


def test_a_release_of_the_documentation_gives_its_columns() -> None:
    with FakeGitHub() as fake:
        fake.releases = [RELEASE]
        moment = datetime(2013, 2, 27, 19, tzinfo=UTC)
        (row,) = Ask.rows(source(fake), Window(moment, moment + timedelta(hours=1)))
    assert (row["change_id"], row["kind"], row["version"]) == ("octocat/example/releases/1", "other", "v1.0.0")
    assert row["started_at"] == row["ended_at"] == row["updated_at"] == datetime(2013, 2, 27, 19, 35, 32, tzinfo=UTC)
    assert row["url"] == "https://github.com/octocat/Hello-World/releases/v1.0.0"


def test_each_window_shows_a_deployment_as_it_was_at_its_end() -> None:
    with FakeGitHub() as fake:
        fake.deploy(
            7, ten(50), ("in_progress", ten(55)), ("failure", ten(59)), ("success", ten(59) + timedelta(hours=1))
        )
        fake.statuses[7].append({**STATUS, "id": 790, "state": "inactive", "created_at": "2026-10-01T13:00:00Z"})
        told = [
            [
                (row["started_at"], row["ended_at"], row["updated_at"], '"state":"success"' in row["labels"])
                for row in rows
            ]
            for hours in range(4)
            for rows in [
                Ask.rows(source(fake), Window(*(at + timedelta(hours=hours) for at in (HOUR.start, HOUR.end))))
            ]
        ]
        first = Ask.rows(source(fake), Window(HOUR.start, ten(57)))
    later = ten(59) + timedelta(hours=1)
    assert told == [[(ten(55), ten(59), ten(59), False)], [(ten(55), later, later, True)], [], []]
    assert [(row["ended_at"], row["updated_at"]) for row in first] == [(None, ten(55))]


def test_a_deployment_before_the_lookback_is_not_asked_for() -> None:
    with FakeGitHub() as fake:
        fake.deploy(1, HOUR.start - timedelta(hours=25), ("success", ten(5)))
        fake.deploy(2, HOUR.start - timedelta(hours=23), ("success", ten(6)))
        fake.deploy(3, ten(30) + timedelta(hours=1))
        rows = Ask.rows(source(fake), HOUR)
        assert [row["change_id"] for row in rows] == ["octocat/example/deployments/2"]
        assert not any("deployments/1/" in asked.path or "deployments/3/" in asked.path for asked in fake.asked)
        wide = Ask.rows(source(fake, lookback="2d"), HOUR)
    assert [row["change_id"] for row in wide] == ["octocat/example/deployments/1", "octocat/example/deployments/2"]


def test_every_page_is_read_until_one_ends_with_what_is_too_old() -> None:
    with FakeGitHub() as fake:
        for number in range(450):
            fake.deploy(number, HOUR.end - timedelta(minutes=7 * (450 - number)))
        rows = Ask.rows(source(fake, what="deployments", lookback="60s"), HOUR)
        lists = [asked for asked in fake.asked if asked.path.endswith("/deployments")]
        assert len(rows) == 8
        assert [asked.one("page") for asked in lists] == [""]
        all_day = Window(HOUR.end - timedelta(days=1), HOUR.end)
        rows = Ask.rows(source(fake, what="deployments"), all_day)
        pages = [asked.one("page") for asked in fake.asked if asked.path.endswith("/deployments")]
    assert pages == ["", *["", "2", "3", "4", "5"][:5], *["", "2", "3", "4", "5"][:5]]
    assert len(rows) == 205
    assert len({row["change_id"] for row in rows}) == 205


def test_records_that_are_added_or_deleted_while_pages_are_read_neither_repeat_nor_vanish() -> None:
    with FakeGitHub() as fake:
        for number in range(250):
            fake.deploy(number, ten(10))

        def change(asked: int) -> None:
            if asked == 1:
                fake.deploy(900, ten(20))
                fake.deployments = [one for one in fake.deployments if one["id"] not in {240, 241, 242}]

        fake.before_page = change
        rows = Ask.rows(source(fake, what="deployments"), HOUR)
    ids = sorted(int(row["change_id"].rpartition("/")[2]) for row in rows)
    assert set(range(240)) | set(range(243, 250)) | {900} <= set(ids)
    assert len(ids) == len(set(ids))


def test_a_list_that_never_stands_still_is_an_error() -> None:
    with FakeGitHub() as fake:
        for number in range(150):
            fake.deploy(number, ten(10))
        fake.before_page = lambda asked: fake.deploy(1_000 + asked, ten(20))
        with pytest.raises(SourceUnavailable, match="changed while it was read, 3 times"):
            Ask.rows(source(fake, what="deployments"), HOUR)


def test_a_release_is_placed_by_its_publication_not_by_its_commit() -> None:
    with FakeGitHub() as fake:
        fake.releases = [
            {**RELEASE, "id": 1, "created_at": "2026-09-20T00:00:00Z", "published_at": "2026-10-01T12:30:00+02:00"},
            {**RELEASE, "id": 2, "created_at": "2026-10-01T10:10:00Z", "published_at": None, "draft": True},
            {**RELEASE, "id": 3, "created_at": "2026-10-01T10:10:00Z", "published_at": "2026-10-01T11:00:00Z"},
        ]
        rows = Ask.rows(source(fake), HOUR)
    assert [(row["change_id"], row["updated_at"]) for row in rows] == [("octocat/example/releases/1", ten(30))]


def test_only_the_named_environments_and_a_service_from_the_payload() -> None:
    with FakeGitHub() as fake:
        fake.deploy(1, ten(1), environment="staging")
        fake.deploy(2, ten(2), environment="production", payload={"service": "cart"}, description=None)
        rows = Ask.rows(source(fake, environments="production"), HOUR)
    assert [(row["service"], row["title"]) for row in rows] == [("cart", "topic-branch to production")]


def test_a_spent_limit_is_waited_for_and_a_second_one_too(waits: list[float | None]) -> None:
    with FakeGitHub() as fake:
        fake.deploy(1, ten(1))
        spent = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}
        fake.failures = [
            Reply({"message": "API rate limit exceeded for user ID 1."}, 403, spent),
            Reply({"message": "You have exceeded a secondary rate limit."}, 403, {"Retry-After": "17"}),
            Reply({"message": "Server Error"}, 502),
            Reply([], cut=1),
        ]
        with pytest.raises(SourceUnavailable):
            Ask.rows(source(fake), HOUR)
        assert waits[:3] == [pytest.approx(1, abs=1e10), 17.0, None]
        assert len(Ask.rows(source(fake), HOUR)) == 1


def test_a_refusal_and_a_repository_that_is_not_there_are_told() -> None:
    with FakeGitHub() as fake:
        for who in (None, Credentials(token="wrong")):
            with pytest.raises(SourceRejected, match="answered 401"):
                Ask.rows(source(fake, who), HOUR)
        with pytest.raises(SourceRejected, match="octocat/other/deployments answered 404"):
            Ask.rows(source(fake, expr="octocat/other"), HOUR)
        with pytest.raises(SourceRejected, match="Set its expr to owner/name"):
            source(fake, expr="https://github.com/octocat/example")
        fake.failures = [Reply({"message": "odd"})]
        with pytest.raises(SourceAnswerInvalid, match="did not answer with a list"):
            Ask.rows(source(fake), HOUR)


def test_other_datasets_are_refused() -> None:
    with FakeGitHub() as fake, pytest.raises(SourceRejected, match="type github has no alert"):
        Ask.feed({"type": "github", "url": fake.url}, {"dataset": "alert", "expr": "a/b"})


@pytest.fixture(scope="module")
def shared() -> Any:
    with FakeGitHub() as fake:
        yield fake


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_fields = st.sampled_from(["environment", "ref", "sha", "creator", "description", "payload", "task", "url"])


@settings(max_examples=50, deadline=None)
@given(odd=st.dictionaries(_fields, _json, max_size=4), state=st.dictionaries(st.sampled_from(["state", "id"]), _json))
def test_no_deployment_is_lost_whatever_it_looks_like(shared: Any, odd: dict[str, Any], state: dict[str, Any]) -> None:
    record = {**DEPLOYMENT, "created_at": "2026-10-01T10:05:00Z", **odd}
    status = {**STATUS, "created_at": "2026-10-01T10:06:00Z", **state}
    shared.failures = [Reply([record]), Reply([status])]
    assert len(Ask.rows(source(shared, what="deployments"), HOUR)) == 1


@settings(max_examples=30, deadline=None)
@given(records=st.lists(_json, max_size=4))
def test_what_is_no_record_goes_out_with_raw(shared: Any, records: list[Any]) -> None:
    shared.failures = [Reply(records), Reply(records)]
    rows = Ask.rows(source(shared), HOUR)
    assert len(rows) == 2 * len(records)
    assert all(row["raw"] for row in rows)


def test_the_card_shows_configuration_that_is_valid() -> None:
    assert sorted(card.sources("github")["github"].feeds) == ["cart", "infrastructure"]
