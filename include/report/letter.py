"""A document as a letter: the verdict as its subject, text and HTML, charts as pictures, the table as CSV."""

import css_inline

from include.notify.mail import Attachment, Letter, Picture
from include.report import figures, png
from include.report.csv import table_csv
from include.report.document import Document, Level
from include.report.html import TEMPLATES, environment, view

_MARKS = {Level.CRITICAL: "◆", Level.WARNING: "▲", Level.UNKNOWN: "○", Level.OK: "●"}


def letter(document: Document, link: str = "") -> Letter:
    """Return the mail of a document; `link` is where the whole report can be read."""
    seen = view(document) | {"link": link, "marks": _MARKS, "mail_style": (TEMPLATES / "mail.css").read_text()}
    html = environment().get_template("mail.html.j2").render(**seen)
    text = (
        environment()
        .get_template("mail.txt.j2")
        .render(**{name: value for name, value in seen.items() if name != "charts"})
    )
    period = figures.period(document.window_start, document.window_end, document.time_zone)
    stem = f"{document.name}-{document.window.slug}"
    return Letter(
        subject=f"{document.verdict.subject} · {period}",
        text=text,
        html=css_inline.inline(html, keep_style_tags=False),
        pictures=tuple(Picture(chart.id, png.draw(chart, document.time_zone)) for chart in document.charts),
        attachments=(Attachment(f"{stem}.csv", "csv", table_csv(document)),),
    )
