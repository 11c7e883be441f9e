"""What a log line says: its format, its level, its template, its class; pure functions over Arrow columns.

Sources use the formats, because only they tell which window a line belongs to; the load of logs uses the rest.
"""
