"""What a container runtime writes around each line of a container: the CRI form of containerd and CRI-O.

Docker's own form is JSON lines, see `json_lines.py`.
"""

from include.parse.line_format import PatternFormat
from include.parse.moments import ISO

CRI = PatternFormat("CRI", rf"^{ISO.pattern} (?P<stream>stdout|stderr) (?P<part>[FP])(?::\S*)? (?P<message>.*)$", ISO)
