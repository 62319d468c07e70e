"""Promote, roll back and try on some: the same rules on both targets."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from releases import store_with_releases

from lolomo.core.errors import ReleaseError
from lolomo.core.promotions import Promotion
from lolomo.core.release import Release, ReleaseStore
from lolomo.core.settings import Workspace
from lolomo.operations.cluster import ClusterTarget, Overlay
from lolomo.operations.embedded import EmbeddedTarget
from lolomo.operations.promotion import Promotions, Request, with_cards
from lolomo.operations.target import Target, TaskStatus
from lolomo.training.pipelines.release import gate_entry
from lolomo.training.pipelines.verdict import Verdict

DEV = Path(__file__).parents[2] / "manifests" / "overlays" / "dev"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Release]]:
    folder = tmp_path_factory.mktemp("workspace")
    return folder, store_with_releases(folder / "releases")


@pytest.fixture
def releases(made: tuple[Path, dict[str, Release]]) -> dict[str, Release]:
    return made[1]


@pytest.fixture(params=["embedded", "cluster"])
def promotions(
    request: pytest.FixtureRequest, made: tuple[Path, dict[str, Release]], tmp_path: Path
) -> Promotions:
    shutil.copytree(made[0], tmp_path / "workspace")
    shutil.copytree(DEV, tmp_path / "dev")
    workspace = Workspace(tmp_path / "workspace")
    target: Target = EmbeddedTarget(workspace, "acme")
    if request.param == "cluster":
        target = ClusterTarget(Overlay(tmp_path / "dev"))
    return Promotions(target, ReleaseStore(workspace.releases))


def ask(release: Release | None = None, **more: str) -> Request:
    return Request(task="top_picks", digest=release.digest if release else "", **more)


def test_a_release_that_passed_is_pinned_and_logged(
    promotions: Promotions, releases: dict[str, Release]
) -> None:
    promotions.promote(ask(releases["baseline"]))
    promotions.promote(ask(releases["passed"], reason="wins"))
    assert promotions.target.serves().pins == {"top_picks": releases["passed"].digest}
    last = promotions.target.log.read()[-1]
    assert (last.previous, last.reason) == (releases["baseline"].digest, "wins")


def test_a_rollback_is_the_same_move_backwards(
    promotions: Promotions, releases: dict[str, Release]
) -> None:
    promotions.promote(ask(releases["baseline"]))
    promotions.promote(ask(releases["passed"]))
    promotions.rollback(ask())
    assert promotions.target.serves().pins["top_picks"] == releases["baseline"].digest
    assert [each.action for each in promotions.target.log.read()][-1] == "rollback"


def test_the_champion_of_the_pipeline_is_promoted_unless_another_is_named(
    promotions: Promotions, releases: dict[str, Release]
) -> None:
    promotions.promote(ask(releases["baseline"]))
    promotions.store.pin("top_picks", releases["passed"].digest)
    if isinstance(promotions.target, ClusterTarget):
        assert promotions.promote(ask()).digest == releases["passed"].digest
    else:
        with pytest.raises(ReleaseError, match="serves already"):
            promotions.promote(ask())


@pytest.mark.parametrize("verb", ["promote", "rollback", "canary"])
def test_a_release_that_failed_its_gate_is_refused_unless_forced_by_name(
    verb: str, promotions: Promotions, releases: dict[str, Release]
) -> None:
    promotions.promote(ask(releases["baseline"]))
    lost = releases["failed"]
    moves: dict[str, Callable[[Request], Promotion]] = {
        "promote": promotions.promote,
        "rollback": promotions.rollback,
        "canary": partial(promotions.canary, percent=5),
    }
    move = moves[verb]
    for force in ("", "yes", lost.digest):
        with pytest.raises(ReleaseError, match=f"failed its gate.*--force {lost.name}"):
            move(ask(lost, force=force))
    assert move(ask(lost, force=lost.name)).forced
    assert promotions.target.log.read()[-1].forced


def test_a_canary_is_widened_kept_apart_and_ended(
    promotions: Promotions, releases: dict[str, Release]
) -> None:
    promotions.promote(ask(releases["baseline"]))
    promotions.canary(ask(releases["passed"]), 5)
    promotions.canary(ask(), 25)
    (canary,) = promotions.target.serves().canaries.values()
    assert (canary.digest, canary.percent) == (releases["passed"].digest, 25)
    assert promotions.target.serves().pins["top_picks"] == releases["baseline"].digest
    promotions.canary(ask(), 0)
    assert promotions.target.serves().canaries == {}


def test_promoting_the_canary_ends_it(promotions: Promotions, releases: dict[str, Release]) -> None:
    promotions.promote(ask(releases["baseline"]))
    promotions.canary(ask(releases["passed"]), 50)
    promotions.promote(ask(releases["passed"]))
    assert promotions.target.serves().canaries == {}
    promotions.rollback(ask())
    assert promotions.target.serves().pins["top_picks"] == releases["baseline"].digest


def test_what_makes_no_sense_is_refused(
    promotions: Promotions, releases: dict[str, Release]
) -> None:
    with pytest.raises(ReleaseError, match="no release of 'top_picks' is champion"):
        promotions.promote(ask())
    with pytest.raises(ReleaseError, match="is of task 'next_play'"):
        promotions.promote(ask(releases["next_play"]))
    with pytest.raises(ReleaseError, match="a trial needs both"):
        promotions.canary(ask(releases["passed"]), 5)
    promotions.promote(ask(releases["passed"]))
    with pytest.raises(ReleaseError, match="is the champion"):
        promotions.canary(ask(releases["passed"]), 5)
    with pytest.raises(ReleaseError, match="names no release"):
        promotions.rollback(ask())


def test_the_status_names_model_and_gate(
    promotions: Promotions, releases: dict[str, Release]
) -> None:
    rows = [TaskStatus(task="top_picks", release=each.digest) for each in releases.values()]
    shown = with_cards([*rows, TaskStatus(task="search")], promotions.store)
    assert [row.gate for row in shown] == ["passed", "baseline", "failed", "passed", ""]
    assert shown[0].model == "model_passed"


def test_the_pipeline_says_baseline_as_the_card_reads_it(releases: dict[str, Release]) -> None:
    verdict = Verdict(candidate="a", baseline="b", passed=False, reasons={}, figures={})
    assert gate_entry(verdict, "b", "ease")["reason"] == releases["baseline"].card.gate["reason"]
