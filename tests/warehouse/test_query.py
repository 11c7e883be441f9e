import pytest

from include.warehouse import Warehouse
from include.warehouse.query import QueryFailedError, QueryRefusedError, query


@pytest.mark.parametrize(
    "statement",
    [
        "delete from series",
        "drop table series",
        "select 1; delete from series",
        "with gone as (delete from series returning 1) select * from gone",
        "select 1) as a; set transaction read write; delete from series; select * from (select 1",
        "copy series to '/tmp/stolen.csv'",
        "selec",
    ],
)
def test_what_is_not_one_select_is_refused(warehouse: Warehouse, statement: str) -> None:
    with pytest.raises((QueryRefusedError, QueryFailedError), match=r"select"):
        query(warehouse, statement, 10)


@pytest.mark.parametrize(
    "statement",
    [
        "select 'x%' as a, ':b' as b -- of a person",
        "with x as (select 'x%' as a, ':b' as b) select * from x;",
        "select 'x%' as a, ':b' as b union all select '', '' order by a desc limit 1",
    ],
)
def test_a_select_of_any_form_runs_as_it_is_written(warehouse: Warehouse, statement: str) -> None:
    assert query(warehouse, statement, 10).to_dict("records") == [{"a": "x%", "b": ":b"}]


def test_people_cannot_read_files_through_the_warehouse(warehouse: Warehouse) -> None:
    with pytest.raises(QueryFailedError):
        query(warehouse, "select * from read_csv('/etc/passwd')", 10)
