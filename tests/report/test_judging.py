"""A word on an episode: only from these pages, only on what stands there, only by those who may."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from include.inbox import InboxError
from include.report import anomalies
from include.report.document import Edition
from include.report.judging import Judgement
from include.report.pages import NotAllowedError, create_app
from include.report.store import Store
from tests.report import sample, sample_anomalies

HERE = {"origin": "http://testserver", "content-type": "application/x-www-form-urlencoded"}
FIRST = "a" * 16


class Site:
    """The pages over one document, and the words that they were given."""

    def __init__(self, folder: Path) -> None:
        self.words: list[Judgement] = []
        self.fault: Exception | None = None
        document = anomalies.build(
            sample_anomalies.episodes(), sample_anomalies.SAID, sample_anomalies.points(), sample_anomalies.OWNERS,
            sample_anomalies.UNITS, sample.WINDOW, Edition(),
        )  # fmt: skip
        store = Store(str(folder))
        store.write(document)
        self.address = f"/feedback/anomalies/{document.id}"
        self.page = f"/reports/anomalies/{document.id}"
        self.client = TestClient(create_app(store, lambda: None, self._judge, self._keep), follow_redirects=False)
        self.silent = TestClient(create_app(store, lambda: None))

    def _judge(self) -> str:
        if self.fault:
            raise self.fault
        return "ann"

    def _keep(self, word: Judgement) -> None:
        self.words.append(word)

    def say(self, body: str, **headers: str) -> int:
        return int(self.client.post(self.address, content=body, headers={**HERE, **headers}).status_code)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_word_is_kept_with_its_person_and_confirmed_on_a_page_that_a_reload_does_not_send_again(site: Site) -> None:
    answer = site.client.post(site.address, content=f"subject={FIRST}&verdict=noise&comment=+deploy+", headers=HERE)
    assert site.words == [Judgement(FIRST, "checkout", "noise", "deploy", "ann")]
    assert answer.status_code == 303
    page = site.client.get(answer.headers["location"])
    assert "Noted: noise" in page.text
    assert "checkout errors" in page.text
    assert f'href="{site.page}"' in page.text


def test_a_word_can_be_taken_back(site: Site) -> None:
    assert site.say(f"subject={FIRST}&verdict=take_back&was=noise") == 303
    assert site.words == [Judgement(FIRST, "checkout", "noise", "", "ann", taken_back=True)]


def test_the_page_has_two_buttons_for_each_episode_and_says_what_was_said(site: Site) -> None:
    page = site.client.get(site.page).text
    assert page.count('value="real"') == 5 + 1, "one of them in what needs action too"
    assert f'action="{site.address}"' in page
    assert "noise, says ann" in page
    assert "<form class" not in site.silent.get(site.page).text, "where nobody takes words there are no buttons"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"content-type": "text/plain"},
        {"content-type": "application/json"},
    ],
)
def test_another_site_cannot_post_in_a_persons_name(site: Site, headers: dict[str, str]) -> None:
    assert site.say(f"subject={FIRST}&verdict=real", **headers) == 403
    assert site.words == []


def test_a_browser_that_says_same_origin_is_believed_behind_a_proxy_of_another_name(site: Site) -> None:
    headers = {"sec-fetch-site": "same-origin", "origin": "https://airflow.example"}
    assert site.say(f"subject={FIRST}&verdict=real", **headers) == 303


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("subject=ffffffffffffffff&verdict=real", 404),
        ("verdict=real", 404),
        (f"subject={FIRST}&verdict=maybe", 403),
        (f"subject={FIRST}&verdict=take_back", 403),
        (f"subject={FIRST}", 403),
        ("", 404),
        ("&".join(f"f{n}=1" for n in range(50)), 403),
        (f"subject={FIRST}&verdict=real&comment=" + "x" * 20_000, 403),
    ],
)
def test_what_these_pages_never_made_is_refused(site: Site, body: str, status: int) -> None:
    assert site.say(body) == status
    assert site.words == []


def test_who_may_not_judge_is_told_so(site: Site) -> None:
    site.fault = NotAllowedError("Your role may not judge episodes.")
    answer = site.client.post(
        site.address, content=f"subject={FIRST}&verdict=real", headers={**HERE, "accept": "text/html"}
    )
    assert answer.status_code == 403
    assert "may not judge" in answer.text
    assert site.words == []


def test_a_word_that_cannot_be_kept_is_not_confirmed(site: Site) -> None:
    site.fault = InboxError("The store has no room.")
    assert site.say(f"subject={FIRST}&verdict=real") == 503


def test_what_a_visitor_puts_into_the_address_is_never_markup(site: Site) -> None:
    page = site.client.get(f"{site.address}?subject={FIRST}&verdict=<script>&was=<b>").text
    assert "<script>&" not in page
    assert "What was it?" in page
    assert site.client.get(f"{site.address}?subject=<script>").status_code == 404
