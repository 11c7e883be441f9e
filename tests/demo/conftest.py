from datetime import UTC, datetime

import pytest

from include.demo import World


@pytest.fixture(scope="session")
def anchor() -> datetime:
    return datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def world(anchor: datetime) -> World:
    return World(7, anchor)
