"""Topics of Kafka, hour by hour, between offsets that are remembered. Read `source.py` first, then `boundaries.py`."""
