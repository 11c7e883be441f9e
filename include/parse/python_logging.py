"""Forms of Python programs: `logging` with the usual formatters, Airflow, Celery, Gunicorn, Loguru."""

from include.parse.line_format import LEVEL, PatternFormat
from include.parse.moments import ISO

_LOGGER = r"(?P<logger>[\w.<>-]+(?::[\w.<>]+)*)"

PYTHON = (
    PatternFormat("Python", rf"^{ISO.pattern} - {_LOGGER} - {LEVEL} - (?P<message>.*)$", ISO),
    PatternFormat("Python, level first", rf"^{ISO.pattern} - {LEVEL} - (?:{_LOGGER} - )?(?P<message>.*)$", ISO),
    PatternFormat("Loguru", rf"^{ISO.pattern} \| {LEVEL}\s+\| {_LOGGER} - (?P<message>.*)$", ISO),
    PatternFormat("Airflow", rf"^\[{ISO.pattern}\] \{{(?P<logger>[^}}]+)\}} {LEVEL} - (?P<message>.*)$", ISO),
    PatternFormat("Celery", rf"^\[{ISO.pattern}: {LEVEL}/(?P<process>[^\]]+)\] (?P<message>.*)$", ISO),
    PatternFormat("Gunicorn", rf"^\[{ISO.pattern}\] \[(?P<pid>\d+)\] \[{LEVEL}\] (?P<message>.*)$", ISO),
    PatternFormat("Python, brackets", rf"^{ISO.pattern} \[{LEVEL}\] {_LOGGER}: (?P<message>.*)$", ISO),
)
