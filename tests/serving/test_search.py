"""Search: over HTTP and in the console, whole and with parts missing."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from lolomo.core.errors import RequestError
from lolomo.events.watching import Unfinished
from lolomo.serving.bentos import Front, PageRequest
from lolomo.serving.bentos.openapi import openapi_document
from lolomo.serving.bentos.problems import ProblemError
from lolomo.serving.bentos.schema import SearchRequest, check
from lolomo.serving.bentos.search import SearchAnswer, search
from lolomo.serving.console import render_page, search_script
from lolomo.serving.steps import Champion
from lolomo.tasks import CONTINUE_WATCHING


def ask(front: Front, text: str, user_id: str = "ann", **fields: Any) -> SearchAnswer:
    return asyncio.run(search(front, SearchRequest(user_id=user_id, text=text, **fields)))


def found(answer: SearchAnswer) -> list[str]:
    return [entry["item_id"] for entry in answer.results]


def test_what_was_typed_is_found_first(front: Front) -> None:
    answer = ask(front, "42", k=3)
    assert found(answer)[0] == "0042"
    assert len(answer.results) == 3
    assert answer.release == "e" * 64
    assert answer.degraded == {}
    assert answer.results[0]["why"] == "matches what you typed"


@pytest.mark.parametrize(("text", "hidden"), [("3", False), ("", True), (" ", True)])
def test_a_seen_title_is_found_only_if_it_is_typed(front: Front, text: str, hidden: bool) -> None:
    answers = found(ask(front, text.strip(), k=50))
    assert ("0003" not in answers) is hidden


def test_without_a_release_the_answer_says_so(front: Front, champions: dict[str, Champion]) -> None:
    del champions["search"]
    answer = ask(front, "4")
    assert (answer.results, answer.degraded) == ((), {"search": "no-release"})


def test_a_model_that_breaks_is_an_empty_answer(
    front: Front, champions: dict[str, Champion]
) -> None:
    answer = ask(front, "no number")
    assert answer.results == ()
    assert answer.degraded["search"].startswith("failed: ValueError")


@pytest.mark.parametrize("fields", [{"text": "x" * 201}, {"k": 0}, {"k": 51}, {"query": "x"}])
def test_a_malformed_search_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises((ProblemError, RequestError)):
        check(SearchRequest, {"user_id": "ann", **fields})


def test_search_has_no_row_and_is_no_step_of_the_page(front: Front) -> None:
    page = asyncio.run(front.page(PageRequest(user_id="ann")))
    assert "search" not in {row.task for row in page.rows}
    assert "search" not in front.steps


def test_the_console_shows_what_was_found_and_escapes_it(front: Front) -> None:
    page = asyncio.run(front.page(PageRequest(user_id="ann")))
    html = render_page(page, (), replace(ask(front, "7", k=2), text="<b>7"))
    assert "<strong>Film 7 &lt;&amp;&gt;</strong>" in html
    assert 'value="&lt;b&gt;7"' in html
    assert '<script src="/search.js" defer>' in html
    assert "innerHTML" not in search_script()
    assert "search.js" not in render_page(page, form=False)


def test_the_document_describes_search() -> None:
    document = openapi_document(["search"], [])
    schema = document["components"]["schemas"]
    assert set(schema["SearchAnswer"]["properties"]) >= {"results", "degraded", "release"}
    assert "/v1/search" in document["paths"]


class ByProgress:
    """Ranks what is unfinished by how far its user got."""

    inputs = ("candidates", "progress", "days_since_progress")

    def rank(self, query: Any) -> Any:
        assert (query["days_since_progress"] > 0).all()
        return query["progress"]


def test_the_page_begins_with_what_was_begun(front: Front) -> None:
    left = [Unfinished(f"{n:04d}", n / 10, 8 * 10**14) for n in (3, 7)]
    resources = replace(
        front.resources,
        tasks={"continue_watching": CONTINUE_WATCHING, **front.resources.tasks},
        champions={
            **front.resources.champions,
            "continue_watching": Champion("f" * 64, "resume_ranker", ByProgress()),
        },
        unfinished={"ann": tuple(left), "bob": (Unfinished("0001", 0.5, 10**18),)},
    )
    for user, expected in (("ann", ["0007", "0003"]), ("bob", [])):
        whole = Front(resources, front.clock, deadline_seconds=5.0)
        page = asyncio.run(whole.page(PageRequest(user_id=user)))
        row = [row for row in page.rows if row.task == "continue_watching"]
        assert "continue_watching" not in page.degraded, page.degraded
        assert [entry["item_id"] for each in row for entry in each.entries] == expected
