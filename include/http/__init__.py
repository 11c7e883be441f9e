"""One HTTP client for every system that Almanac talks to.

In: an address, a `Credentials` value, a request. Out: the parsed answer, or one of three errors: `Unavailable` (try
later), `Rejected` (somebody must act), `AnswerInvalid` (the other side speaks something else).
Retries, rate limits, time-outs, TLS and size limits are decided here and nowhere else. Read `client.py` first.
"""

from include.http.client import HttpClient, Page
from include.http.connection import ConnectionTextError, parse_connection
from include.http.credentials import Credentials
from include.http.errors import AnswerInvalid, AnswerTooLarge, HttpError, Rejected, Unavailable
from include.http.tally import Tally

__all__ = [
    "AnswerInvalid",
    "AnswerTooLarge",
    "ConnectionTextError",
    "Credentials",
    "HttpClient",
    "HttpError",
    "Page",
    "Rejected",
    "Tally",
    "Unavailable",
    "parse_connection",
]
