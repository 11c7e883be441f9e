"""Forms of PostgreSQL, MySQL and Redis; MongoDB writes JSON lines."""

from include.parse.line_format import PatternFormat, Texts, looked_up
from include.parse.moments import DAY_FIRST, ISO

_REDIS = {".": "debug", "-": "verbose", "*": "notice", "#": "warning"}


def _redis_levels(texts: Texts) -> Texts:
    return {**texts, "level": looked_up(texts["level"], _REDIS)}


DATABASES = (
    PatternFormat(
        "PostgreSQL",
        rf"^{ISO.pattern}(?: (?P<time_zone>[A-Z]{{3,5}}))? \[(?P<pid>\d+)(?:-\d+)?\] "
        r"(?:(?P<user>[^@\s]*)@(?P<database>\S*) )?"
        r"(?P<level>DEBUG[1-5]?|INFO|NOTICE|WARNING|ERROR|LOG|FATAL|PANIC|DETAIL|HINT|STATEMENT|CONTEXT):\s+"
        r"(?P<message>.*)$",
        ISO,
    ),
    PatternFormat(
        "MySQL",
        rf"^{ISO.pattern} (?P<thread>\d+) \[(?P<level>System|Note|Warning|Error|ERROR)\] "
        r"(?:\[(?P<code>MY-\d+)\] \[(?P<logger>\w+)\] )?(?P<message>.*)$",
        ISO,
    ),
    PatternFormat(
        "Redis",
        rf"^(?P<pid>\d+):(?P<role>[XCSM]) {DAY_FIRST.pattern} (?P<level>[.*#-]) (?P<message>.*)$",
        DAY_FIRST,
        _redis_levels,
    ),
)
