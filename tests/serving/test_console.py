"""The page as people see it."""

import asyncio
import io
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from pydantic import TypeAdapter
from rich.console import Console
from typing_extensions import override

from lolomo.serving.bentos import Front, PageAnswer, PageRequest
from lolomo.serving.console import print_page, render_page


@pytest.fixture
def answer(front: Front) -> PageAnswer:
    return asyncio.run(front.page(PageRequest(user_id="ann")))


class Tags(HTMLParser):
    """Collects the tags of a document and checks that they are balanced."""

    VOID = ("meta", "input", "option")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    @override
    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_is_balanced_and_asks_for_nothing_outside(answer: PageAnswer) -> None:
    tags = Tags(render_page(answer, ["ann", "bob"]))
    assert tags.open == []
    assert not {"img", "link", "iframe"} & set(tags.seen)
    assert [value for name, value in tags.attributes if name == "src"] == ["/search.js"]
    assert not [name for name, value in tags.attributes if value and "//" in value]


def test_html_shows_every_title_with_its_why_and_provenance(answer: PageAnswer) -> None:
    html = render_page(answer)
    count = sum(len(row.entries) for row in answer.rows)
    assert Tags(html).seen.count("details") == count
    assert html.count("Goes with Film 20 &lt;&amp;&gt;, which you watched") >= 3
    assert 'role="status"' not in html


def test_degraded_page_says_so_in_words(answer: PageAnswer) -> None:
    html = render_page(replace(answer, degraded={"next_play": "late"}))
    assert 'role="status"' in html
    assert "next play: late" in html


def test_saved_page_has_no_form(answer: PageAnswer) -> None:
    assert "form" not in Tags(render_page(answer, form=False)).seen


def test_page_without_rows_is_still_a_page(answer: PageAnswer) -> None:
    assert "nothing to show" in render_page(replace(answer, rows=()))


@pytest.mark.parametrize("as_json", [False, True])
def test_terminal_shows_rows_with_their_why(answer: PageAnswer, as_json: bool) -> None:
    text = io.StringIO()
    values = TypeAdapter(PageAnswer).dump_python(answer, mode="json") if as_json else answer
    print_page(values, Console(file=text, width=120), titles=3)
    assert "Because you watched Film 20" in text.getvalue()
    assert "goes with Film 20 <&>, which you watched" in text.getvalue()
    assert "and 17 more" in text.getvalue()
