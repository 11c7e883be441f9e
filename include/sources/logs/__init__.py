"""Systems of log lines, and how the fields of their records become the columns of `log_event` (`rows.py`)."""
