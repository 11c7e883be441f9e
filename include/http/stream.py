"""An answer that is read line by line as it comes, for answers that never fit into memory."""

from collections.abc import Iterable, Iterator

from include.http.errors import AnswerTooLarge


def lines_of(blocks: Iterable[bytes], longest: int, where: str) -> Iterator[bytes]:
    r"""Yield the lines of a stream of blocks, without their ends and without blank ones.

    No more than one block and one line are in memory. The last line needs no end. Raises `AnswerTooLarge` for a line
    of more than `longest` bytes.

    >>> list(lines_of([b'{"a": 1}\r\n{"b"', b': 2}\n\n{"c": 3}'], 100, "http://shop"))
    [b'{"a": 1}', b'{"b": 2}', b'{"c": 3}']
    """
    parts: list[bytes] = []
    size = 0
    for block in blocks:
        *ended, rest = block.split(b"\n")
        for piece in ended:
            parts.append(piece)
            _must_fit(size + len(piece), longest, where)
            line = b"".join(parts).removesuffix(b"\r")
            parts, size = [], 0
            if line.strip():
                yield line
        parts.append(rest)
        size += len(rest)
        _must_fit(size, longest, where)
    line = b"".join(parts).removesuffix(b"\r")
    if line.strip():
        yield line


def _must_fit(size: int, longest: int, where: str) -> None:
    if size > longest:
        raise AnswerTooLarge(
            where,
            f"sent a line of more than the limit of {longest:,} bytes",
            "Leave such lines out by the query, or raise max_answer_mebibytes of the source",
        )
