"""Systems of alerts, incidents and changes; `said.py` reads values out of their JSON."""
