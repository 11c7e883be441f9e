"""Quality on public data and speed, each runnable by itself: `python -m benchmarks.<name> --help`.

In: a folder of data (`--data` or `ALMANAC_DATA`). Out: a table with the naive baselines beside each figure, and JSON.
A missed goal is printed, never an error; a missing data set is a row that says so.
Read `result.py` first: it is the contract that every benchmark keeps.
"""
