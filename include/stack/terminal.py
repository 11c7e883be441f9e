"""What a person at the terminal sees: one line per step, with its time, and errors in one sentence."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO


class Terminal:
    """Prints steps; on a terminal the running step's line is rewritten in place, elsewhere only ends are printed."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        self._live = out.isatty()
        self._began = time.monotonic()

    @contextmanager
    def step(self, name: str, what: str) -> Iterator[Callable[[str], None]]:
        """Show a step while it runs; the yielded function tells how far it is."""
        began = time.monotonic()
        detail = what

        def show(mark: str, end: str) -> None:
            line = f"  {mark} {name:<22} {detail[:68]:<68} {time.monotonic() - began:6.1f} s"
            self._out.write(("\r\033[K" if self._live else "") + line + end)
            self._out.flush()

        def say(text: str) -> None:
            nonlocal detail
            detail = f"{what}: {text}"
            if self._live:
                show("…", "")

        if self._live:
            show("…", "")
        try:
            yield say
        except BaseException:
            show("✗", "\n")
            raise
        show("✓", "\n")

    def print(self, text: str = "") -> None:
        """Print a line."""
        self._out.write(text + "\n")
        self._out.flush()

    @property
    def elapsed_seconds(self) -> float:
        """Seconds since this terminal was made."""
        return time.monotonic() - self._began
