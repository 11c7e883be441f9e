"""Names from outside cannot leave their folder."""

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from include.landing.names import UnsafeNameError, quoted, unquoted

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=16)


@given(NAMES)
@example("..")
@example(".")
@example("../../etc/passwd")
@example("a/b\\c:d")
@example("%2E")
@example("\x00")
@example("größe µs")
def test_any_name_is_one_visible_part_of_a_path_and_comes_back(name: str) -> None:
    part = quoted(name)
    assert unquoted(part) == name
    assert PurePosixPath("store", part).parts == ("store", part)
    assert part[0] != "."
    assert part.isascii()


@given(NAMES, NAMES)
def test_two_names_never_share_a_folder(one: str, other: str) -> None:
    assert (quoted(one) == quoted(other)) == (one == other)


@given(NAMES)
def test_a_file_system_takes_every_quoted_name(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder: Path = tmp_path_factory.getbasetemp() / quoted(name)
    folder.mkdir(exist_ok=True)
    assert folder.is_dir()


@pytest.mark.parametrize("name", ["", "x" * 201])
def test_an_empty_or_overlong_name_says_what_to_do(name: str) -> None:
    with pytest.raises(UnsafeNameError, match="Give the source or the query a shorter name"):
        quoted(name)
