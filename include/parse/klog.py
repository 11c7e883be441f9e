"""Forms with a letter for the level: klog of Kubernetes, glog, and Android's logcat."""

import pyarrow.compute as pc

from include.parse.line_format import PatternFormat, Texts
from include.parse.moments import GLOG, KLOG, MONTH_DAY


def _trimmed(texts: Texts) -> Texts:
    # Trimmed here because a pattern that leaves the spaces out is half as fast.
    return {
        **texts,
        "logger": pc.utf8_rtrim_whitespace(texts["logger"]),
        "message": pc.utf8_ltrim(texts["message"], " "),
    }


_REST = r"\s+(?P<thread>\d+) (?P<logger>[^\s\]:]+:\d+)\] ?(?P<message>.*)$"

KLOGS = (
    PatternFormat("klog", rf"^(?P<level>[IWEF]){KLOG.pattern}{_REST}", KLOG),
    PatternFormat("glog", rf"^(?P<level>[IWEF]){GLOG.pattern}{_REST}", GLOG),
    PatternFormat(
        "logcat",
        rf"^{MONTH_DAY.pattern} +(?P<pid>\d+) +(?P<thread>\d+) (?P<level>[VDIWEF]) (?P<logger>[^:]*):(?P<message>.*)$",
        MONTH_DAY,
        _trimmed,
    ),
)
