"""The one base of every error that Almanac raises on purpose.

A room defines its own small subclasses. The message is one sentence that says what is wrong and where, and one that
says what to do; `__main__` entry points print it without a trace unless `--verbose` is given.
"""


class AlmanacError(Exception):
    """An error with a sentence for a person."""


class PermanentError(AlmanacError):
    """An error that trying again cannot mend: a task that meets it is not retried."""
