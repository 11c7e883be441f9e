"""A table of a document as CSV: plain numbers, the unit in the heading or a column of its own, times in UTC."""

import csv
import io

from include.report.document import Document, LevelColumn, NumberColumn, Table, TimeColumn

_RISKY = ("=", "+", "-", "@", "\t", "\r")


def table_csv(document: Document, place: int = 0) -> bytes:
    """Return one table of a document, the main one by default, as CSV in UTF-8."""
    table = document.tables[place] if document.tables else Table(id="none", title="", empty="", columns=[])
    heads, columns = [], []
    for column in table.columns:
        if isinstance(column, NumberColumn):
            heads.append(f"{column.key} [{column.unit}]" if column.unit else column.key)
            columns.append(["" if value is None else repr(value) for value in column.values])
            if column.units:
                heads.append(f"{column.key} unit")
                columns.append(column.units)
        elif isinstance(column, TimeColumn):
            heads.append(f"{column.key} [UTC]")
            columns.append([value.strftime("%Y-%m-%dT%H:%M:%SZ") if value else "" for value in column.values])
        elif isinstance(column, LevelColumn):
            heads += [column.key, "level"]
            columns += [column.words, [level.value for level in column.values]]
        else:
            heads.append(column.key)
            columns.append([_harmless(value or "") for value in column.values])
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(heads)
    writer.writerows(zip(*columns, strict=True))
    return buffer.getvalue().encode()


def _harmless(text: str) -> str:
    """Return text that no spreadsheet runs: a cell that begins like a formula gets an apostrophe."""
    return f"'{text}" if text.startswith(_RISKY) else text
