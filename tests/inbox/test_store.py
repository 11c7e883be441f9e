"""The store of deliveries: append-only, found by time, on any kind of store, whole or not there."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.inbox import Delivery, Inbox, InboxError, inbox_beside
from include.inbox.delivery import key_of
from include.landing import landed_partitions
from include.window import Window

NOON = datetime(2026, 11, 5, 12, 30, 15, 250, tzinfo=UTC)
DAY = Window.parse("2026-11-05/2026-11-06")


def delivery(n: int = 1, at: datetime = NOON, delivery_id: str | None = None, source: str = "shop") -> Delivery:
    return Delivery(source, at, key_of(delivery_id, str(n).encode()), {"n": n, "t": "grüße ☃"}, delivery_id)


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "landing-inbox") if request.param == "folder" else f"memory://inbox-{tmp_path.name}"


def test_what_is_kept_is_read_back_as_it_was(store: str) -> None:
    inbox = Inbox(store)
    kept = [delivery(n, NOON + timedelta(minutes=20 * n)) for n in range(5)]
    assert all(inbox.put(one) for one in reversed(kept))
    assert list(Inbox(store).read("shop", DAY)) == kept
    assert list(inbox.read("other", DAY)) == []


def test_a_delivery_again_is_known_and_not_written(store: str) -> None:
    inbox = Inbox(store)
    assert inbox.put(delivery(1, delivery_id="a"))
    assert not Inbox(store).put(delivery(2, NOON + timedelta(minutes=70), delivery_id="a"))
    assert inbox.put(delivery(1, delivery_id="a", source="other"))
    assert len(list(inbox.read("shop", DAY))) == 1


def test_a_body_without_an_id_is_known_over_the_hours_edge_and_forgotten_after_five_minutes(store: str) -> None:
    inbox = Inbox(store)
    edge = datetime(2026, 11, 5, 12, 58, tzinfo=UTC)
    assert inbox.put(delivery(1, edge))
    assert not inbox.put(delivery(1, edge + timedelta(minutes=4)))
    assert inbox.put(delivery(1, edge + timedelta(minutes=6)))


def test_an_id_is_never_taken_for_a_body() -> None:
    assert key_of("a", b"") != key_of(None, b"a")
    assert key_of("a", b"1") == key_of("a", b"2")


def test_no_partition_is_seen_among_deliveries_and_no_delivery_among_partitions(tmp_path: Path) -> None:
    landing = str(tmp_path / "landing")
    Inbox(inbox_beside(landing)).put(delivery())
    assert landed_partitions(landing) == []
    assert inbox_beside("s3://bucket/landing/") == "s3://bucket/landing-inbox"


def test_what_is_no_delivery_in_the_folder_is_passed_over(tmp_path: Path) -> None:
    inbox = Inbox(str(tmp_path))
    inbox.put(delivery())
    folder = next(tmp_path.glob("shop/*"))
    for name in (".20261105T123000000000Z-a.json.part", "notes.txt", "20261399T123000000000Z-a.json"):
        (folder / name).write_text("{}")
    assert len(list(inbox.read("shop", DAY))) == 1


def test_old_hours_go_with_their_retention(store: str) -> None:
    inbox = Inbox(store)
    for hours in range(4):
        inbox.put(delivery(hours, NOON - timedelta(hours=hours)))
    assert inbox.remove_before(NOON - timedelta(hours=1)) == 2
    assert len(list(inbox.read("shop", DAY))) == 2
    assert inbox.remove_before(NOON - timedelta(hours=1)) == 0


def test_a_delivery_is_on_the_disk_when_it_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda fd: (synced.append(str(Path(f"/proc/self/fd/{fd}").readlink())), real(fd))[1]
    )
    Inbox(str(tmp_path)).put(delivery())
    assert [Path(one).name.endswith(".part") for one in synced] == [True, False]
    assert synced[1].endswith("/shop/20261105T12")


def test_a_disk_without_room_keeps_nothing_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InboxError, match="has no room"):
        Inbox(str(tmp_path)).put(delivery())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_hours_in_which_something_came_are_told_in_order(store: str) -> None:
    inbox = Inbox(store)
    assert inbox.hours("shop") == []
    for n, hours in enumerate((2, 0, 2)):
        inbox.put(delivery(n, NOON + timedelta(hours=hours)))
    assert Inbox(store).hours("shop") == [datetime(2026, 11, 5, hour, tzinfo=UTC) for hour in (12, 14)]
    assert inbox.hours("other") == []
