"""Every page and mail in a real browser, at 390 and 1280 px, light and dark."""

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from include.report.document import Document
from include.report.html import render

pytestmark = pytest.mark.needs("chromium")
WIDTHS, SCHEMES = (390, 1280), ("light", "dark")
PLACES = (
    "overview", "list", "data page", "models page", "anomalies page", "drift page", "feedback page", "not found",
    "capacity", "capacity calm", "capacity of a team",
    "capacity of nothing", "slo", "slo of nothing",
)  # fmt: skip
MAILS = ("capacity calm", "capacity", "capacity of a team", "capacity of nothing", "slo", "slo of nothing")
_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
_EMPTY_CHARTS = """[...document.querySelectorAll('svg.chart')].filter(chart =>
  !['.measured'].every(line => chart.querySelector(line)?.getTotalLength() > 100)
  || [...chart.querySelectorAll('path')].some(path => !path.getAttribute('d') || path.getAttribute('d').includes('nan'))
  || chart.getBoundingClientRect().height < 120).length"""
_BROKEN_PICTURES = "[...document.images].filter(image => image.naturalWidth < 500 || !image.alt).length"


def address(site: str, made: dict[str, Document], place: str) -> str:
    fixed = {"overview": "/", "list": "/reports", "data page": "/data", "models page": "/models"}
    fixed |= {"anomalies page": "/anomalies", "drift page": "/drift"}
    if place in fixed:
        return site + fixed[place]
    if place == "feedback page":
        return f"{site}/feedback/anomalies/{made['anomalies'].id}?subject={'a' * 16}&verdict=real&was=real"
    if place == "not found":
        return f"{site}/reports/capacity/{'0' * 16}"
    return f"{site}/reports/{made[place].name}/{made[place].id}"


def inspect(browser: Any, url: str, width: int, expected_errors: int = 0) -> None:
    page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme="light")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(url)
    assert page.evaluate(_OVERFLOW) == 0, "the page is wider than the window"
    assert page.evaluate(_EMPTY_CHARTS) == 0, "a chart is empty"
    assert page.evaluate(_BROKEN_PICTURES) == 0, "a picture is missing"
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        for more in page.locator("details").all():
            more.evaluate("more => more.open = true")
        found = Axe().run(page)
        assert found.violations_count == 0, f"{scheme}: {found.generate_report()}"
        assert page.evaluate(_OVERFLOW) == 0, f"the page is wider than the window ({scheme})"
    assert len(said) == expected_errors, said
    page.close()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("place", PLACES)
def test_every_page_fits_reads_and_is_accessible_light_and_dark(
    browser: Any, site: str, made: dict[str, Document], place: str, width: int
) -> None:
    inspect(browser, address(site, made, place), width, expected_errors=int(place == "not found"))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", MAILS)
def test_every_mail_that_came_through_smtp_fits_reads_and_is_accessible_light_and_dark(
    browser: Any, mails: dict[str, Path], name: str, width: int
) -> None:
    inspect(browser, mails[name].as_uri(), width)


@pytest.mark.parametrize("name", ["capacity", "slo", "data", "models"])
def test_the_downloaded_file_is_whole_by_itself(
    browser: Any, made: dict[str, Document], name: str, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    file.write_text(render(made[name]))
    inspect(browser, file.as_uri(), 390)


def test_the_check_itself_finds_what_is_wrong(browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "bad.html"
    file.write_text(
        '<html lang="en"><title>x</title><main><h1 style="color:#ccc;width:2000px">x</h1><img src="x"></main>'
    )
    with pytest.raises(AssertionError, match="wider than the window"):
        inspect(browser, file.as_uri(), 390)
    file.write_text('<html lang="en"><title>x</title><main><h1 style="color:#ccc">Hardly to be read</h1></main>')
    with pytest.raises(AssertionError, match="color-contrast"):
        inspect(browser, file.as_uri(), 390)


def test_a_table_is_sorted_by_the_heading_that_is_pressed_with_the_keyboard(
    browser: Any, site: str, made: dict[str, Document]
) -> None:
    page = browser.new_page()
    page.goto(address(site, made, "capacity"))
    firsts = "document.querySelector('#resources ~ .scroll tbody tr th').innerText"
    assert page.evaluate(firsts) == "payments-db disk"
    head = page.get_by_role("button", name="Resource")
    head.focus()
    page.keyboard.press("Enter")
    assert page.evaluate(firsts) == "auth cpu"
    page.keyboard.press("Enter")
    assert page.evaluate(firsts) == "web-frontend memory"
    assert page.locator("th[aria-sort='descending']").inner_text().startswith("Resource")
    page.get_by_role("button", name="Runs out").click()
    assert page.evaluate(firsts) == "payments-db disk"
    page.close()


def test_everything_can_be_read_without_scripts(browser: Any, site: str, made: dict[str, Document]) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address(site, made, "capacity"))
    assert page.locator("table tbody tr").count() == 45
    assert page.locator("svg.chart").count() == 4
    context.close()


def test_inside_airflows_frame_links_forms_and_downloads_work(
    browser: Any, site: str, made: dict[str, Document], tmp_path: Path
) -> None:
    page = browser.new_page()
    page.route(f"{site}-frame", lambda route: route.fulfill(content_type="text/html", body=(
        f'<iframe src="{site}/reports" width="900" height="800" '
        'sandbox="allow-scripts allow-same-origin allow-forms allow-downloads"></iframe>'
    )))  # fmt: skip
    page.goto(f"{site}-frame")
    frame = page.frame_locator("iframe")
    frame.get_by_label("Report").select_option("capacity")
    frame.get_by_label("Audience").select_option("everyone")
    frame.get_by_role("button", name="Show", exact=True).click()
    frame.get_by_role("link", name="resources run out").first.click()
    frame.get_by_role("heading", name="Needs action").wait_for()
    frame.get_by_text("Other days and downloads").click()
    with page.expect_download() as download:
        frame.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename == "capacity-20261119T0600Z_20261120T0600Z.csv"
    frame.get_by_role("link", name="Previous").click()
    frame.get_by_text("Nobody needs to do anything").wait_for()
    page.close()
