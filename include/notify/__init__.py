"""Notify: a letter and an audience go in, a mail goes out once, and the `delivery` ledger knows.

Read `delivery.py` first: what is due, and why nobody is told twice. `mail.py` turns a letter into an `EmailMessage`,
`smtp.py` sends it without Airflow, `sink.py` catches mail on one machine for people to look at.
"""

from include.notify.mail import Attachment, Letter, Picture, compose

__all__ = ["Attachment", "Letter", "Picture", "compose"]
