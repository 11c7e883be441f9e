"""Fake servers that speak a documented wire format over a real socket, with its paging, its limits and its failures.

One module per system, named after it; each cites the documentation it was written from. `api.py` is what they share.
"""
