"""Prometheus and what speaks its HTTP API: metric points, and alerts that its rules fired. Read `source.py` first."""
