from multiprocessing import get_context
from pathlib import Path

import pytest

from lolomo.core.errors import ReleaseError
from lolomo.core.promotions import Promotion, PromotionsLog


def promotion(digest: str, previous: str = "", action: str = "promote") -> Promotion:
    return Promotion(task="top_picks", action=action, digest=digest, previous=previous)


@pytest.fixture
def log(tmp_path: Path) -> PromotionsLog:
    log = PromotionsLog(tmp_path / "releases")
    log.append(promotion("a"))
    log.append(promotion("b", previous="a"))
    return log


def test_who_and_when_are_written_down(log: PromotionsLog) -> None:
    first, second = log.read()
    assert first.by
    assert first.at <= second.at


def test_the_log_knows_what_served_before(log: PromotionsLog) -> None:
    log.append(promotion("c", previous="b", action="canary"))
    assert [log.before("top_picks", digest) for digest in "abc"] == ["", "a", ""]


@pytest.mark.parametrize(("word", "other"), [('"a"', '"z"'), ('"promote"', '"rollback"')])
def test_a_changed_line_is_noticed(word: str, other: str, log: PromotionsLog) -> None:
    first, second = log.path.read_text().splitlines()
    log.path.write_text(f"{first.replace(word, other)}\n{second}\n")
    with pytest.raises(ReleaseError, match=r"line 2 .* was edited"):
        log.read()


def test_a_line_taken_out_is_noticed(log: PromotionsLog) -> None:
    log.path.write_text(log.path.read_text().splitlines()[1] + "\n")
    with pytest.raises(ReleaseError, match="line 1"):
        log.append(promotion("d"))


def append_some(folder: Path) -> None:
    for number in range(10):
        PromotionsLog(folder).append(promotion(str(number)))


def test_processes_append_one_after_the_other(tmp_path: Path) -> None:
    with get_context("fork").Pool(2) as pool:
        pool.map(append_some, [tmp_path, tmp_path])
    assert len(PromotionsLog(tmp_path).read()) == 20
