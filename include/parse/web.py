"""What web servers write: access logs (common and combined) and error logs of Apache httpd and nginx.

An access line's message is its request, status and size; who asked is in the attributes. Its level is that of the
status.
"""

import pyarrow as pa

from include.parse.levels import status_levels
from include.parse.line_format import PatternFormat, Texts, without
from include.parse.moments import CLF, CTIME, ISO

_QUOTED = r'"(?:[^"\\]|\\.)*"'


def _finish_access(texts: Texts) -> Texts:
    """Take away the dashes for nothing, and derive the level; all but the request are texts of a small set."""
    encoded = {name: text.dictionary_encode() for name, text in texts.items() if name != "message"}
    told = {
        name: pa.DictionaryArray.from_arrays(one.indices, without(one.dictionary, "-")) for name, one in encoded.items()
    }
    status = encoded["status"]
    return {**told, "message": texts["message"], "level": status_levels(status.dictionary).take(status.indices)}


ACCESS = PatternFormat(
    "access log",
    rf"^(?:(?P<vhost>[^\s\"]+) )?(?P<client>\S+) (?P<ident>\S+) (?P<user>[^\[]*?) \[{CLF.pattern}\] "
    rf"(?P<message>{_QUOTED} (?P<status>\d{{3}}) (?:\d+|-))"
    r'(?: "(?P<referer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)")?(?: (?P<more>.*))?$',
    CLF,
    _finish_access,
)
APACHE_ERROR = PatternFormat(
    "Apache error log",
    rf"^\[{CTIME.pattern}\] \[(?:(?P<logger>[\w-]*):)?(?P<level>[a-z]+\d?)\] "
    r"(?:\[pid (?P<pid>\d+)(?::tid (?P<tid>\d+))?\] )?(?:\[client (?P<client>[^\]]+)\] )?(?P<message>.*)$",
    CTIME,
)
NGINX_ERROR = PatternFormat(
    "nginx error log",
    rf"^{ISO.pattern} \[(?P<level>[a-z]+)\] (?P<pid>\d+)#(?P<tid>\d+): (?:\*(?P<connection>\d+) )?(?P<message>.*)$",
    ISO,
)
