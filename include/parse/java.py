"""Forms of log4j, Logback and what is built on them: Spring Boot, Hadoop, Spark, ZooKeeper, Kafka, Elasticsearch."""

from include.parse.line_format import LEVEL, PatternFormat
from include.parse.moments import CLOCK, COMPACT, ISO, SHORT_YEAR, Moment

_LOGGER = r"(?P<logger>[A-Za-z_][\w.$#/-]*(?:\[[^\]]*\])?)"

_SLEUTH = r"(?:\[(?P<service>[^,\]]*),(?P<trace_id>[0-9a-f]*),(?P<span_id>[0-9a-f]*)[^\]]*\] )?"
_THREADS = r"(?P<thread>(?:\[[^\]]*\] ?)+)"


def _after_time(moment: Moment) -> list[tuple[str, str]]:
    time = moment.pattern
    return [
        (
            "Spring Boot",
            rf"^{time}\s+{LEVEL}\s+{_SLEUTH}(?P<pid>\d+) --- {_THREADS}(?P<logger>\S+)\s*: ?(?P<message>.*)$",
        ),
        ("ZooKeeper", rf"^{time} - {LEVEL}\s+\[(?P<thread>.+?):(?P<logger>[^\]@:]+@\d+)\] - (?P<message>.*)$"),
        ("Logback", rf"^{time} -?\s*\[(?P<thread>[^\]]+)\]\s+{LEVEL}\s+{_LOGGER}\s*(?: -|:|#)\s?(?P<message>.*)$"),
        ("log4j", rf"^{time}\s+-?\s*{LEVEL}\s+\[(?P<thread>[^\]]+)\]\s+{_LOGGER}\s*(?:: | - )(?P<message>.*)$"),
        ("log4j without a thread", rf"^{time}\s+(?:(?P<pid>\d+)\s+)?{LEVEL}\s+{_LOGGER}\s*(?:: | - )(?P<message>.*)$"),
    ]


JAVA = (
    *(
        PatternFormat(name, pattern, moment)
        for moment in (ISO, SHORT_YEAR, COMPACT, CLOCK)
        for name, pattern in _after_time(moment)
    ),
    PatternFormat(
        "Elasticsearch",
        rf"^\[{ISO.pattern}\]\[{LEVEL}\s*\]\[(?P<logger>[^\]]*?)\s*\] ?(?:\[(?P<host>[^\]]*)\] ?)?(?P<message>.*)$",
        ISO,
    ),
    PatternFormat("Kafka", rf"^\[{ISO.pattern}\] {LEVEL} (?P<message>.*?)(?: \((?P<logger>[\w.$]+)\))?$", ISO),
)
