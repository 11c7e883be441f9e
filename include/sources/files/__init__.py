"""Files of any object store or disk: tables, JSON, text of log lines, and traces. Read `source.py` first."""
