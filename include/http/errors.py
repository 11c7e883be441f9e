"""What can go wrong between Almanac and another system, by what one should do about it."""

from include.errors import AlmanacError


class HttpError(AlmanacError):
    """Base of the errors of a request; `where` is the address without query or credentials."""

    def __init__(self, where: str, problem: str, remedy: str) -> None:
        super().__init__(f"{where} {problem}. {remedy}.")
        self.where = where
        self.problem = problem
        self.remedy = remedy


class Unavailable(HttpError):  # noqa: N818 - reads as a sentence: except Rejected
    """Down, slow, overloaded, or cut off in the middle: the same request may succeed later."""

    def __init__(self, where: str, problem: str, remedy: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(where, problem, remedy)
        self.retry_after_seconds = retry_after_seconds


class Rejected(HttpError):  # noqa: N818 - reads as a sentence: except Rejected
    """The other side understood and said no: credentials, permission, address, certificate, or the request itself."""

    def __init__(self, where: str, problem: str, remedy: str, status: int | None = None, body: str = "") -> None:
        super().__init__(where, problem, remedy)
        self.status = status
        self.body = body


class AnswerInvalid(HttpError):  # noqa: N818 - reads as a sentence: except Rejected
    """The answer is whole but is not what this system should say, such as HTML instead of JSON."""


class AnswerTooLarge(AnswerInvalid):
    """The answer passes the size limit; asking for less may succeed."""
