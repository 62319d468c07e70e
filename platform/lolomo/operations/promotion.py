"""Promote, roll back, try on some: the rules, whatever the target.

A release that stood at its gate and lost is refused, unless its full name is given as well: nobody
types `top_picks/deep_ranker@3f2a91c04d7e` by mistake. Every change goes into the promotions log.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lolomo.core.errors import ReleaseError
from lolomo.core.promotions import Promotion
from lolomo.core.release import Release, ReleaseStore
from lolomo.core.rollout import Canary
from lolomo.operations.target import Target, TaskStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Who asks for which change, and why."""

    task: str
    digest: str = ""
    """First digits of the release; "" for the verb's own choice."""
    force: str = ""
    """The full name of a release that failed its gate, to have it all the same."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Promotions:
    """The moves on one target."""

    target: Target
    store: ReleaseStore
    """Holds the releases' cards, and the champions that pipelines chose."""

    def promote(self, request: Request) -> Promotion:
        """Make a release serve its task: the one named, or the champion of the pipeline.

        Raises:
            ReleaseError: If it is unknown, of another task, failed its gate, or serves already.
        """
        digest = request.digest or self.store.pins().get(request.task, "")
        if not digest:
            raise ReleaseError(
                f"no release of {request.task!r} is champion: train it, or name one with --release"
            )
        return self._serve("promote", self._find(request, digest), request)

    def rollback(self, request: Request) -> Promotion:
        """Make what served before, or the release named, serve again.

        Raises:
            ReleaseError: As `promote`, or if the log knows of nothing before.
        """
        serving = self.target.serves().pins.get(request.task, "")
        digest = request.digest or self.target.log.before(request.task, serving)
        if not digest:
            raise ReleaseError(
                f"the promotions log names no release of {request.task!r} before "
                f"{serving[:12] or 'the first'}: name one with --release"
            )
        return self._serve("rollback", self._find(request, digest), request)

    def canary(self, request: Request, percent: float) -> Promotion:
        """Try a release on a share of the users; 0 ends the trial.

        Raises:
            ReleaseError: As `promote`, or if there is no champion beside it, or no trial to end.
        """
        serves = self.target.serves()
        running, champion = serves.canaries.get(request.task), serves.pins.get(request.task, "")
        digest = request.digest or (running.digest if running else "")
        if not digest or not champion:
            raise ReleaseError(
                f"{request.task!r} has champion {champion[:12] or 'none'} and canary "
                f"{digest[:12] or 'none'}: a trial needs both; promote one release, and name the "
                "other with --release"
            )
        release = self._find(request, digest)
        forced = percent > 0 and self._is_forced(release, request)
        if release.digest == champion:
            raise ReleaseError(f"{release.name} is the champion: try another release on some users")
        salt = f"{request.task}/{release.digest[:12]}"
        canary = Canary(digest=release.digest, percent=percent, salt=salt) if percent else None
        promotion = Promotion(
            task=request.task,
            action="canary",
            digest=release.digest,
            previous=champion,
            percent=percent,
            forced=forced,
            reason=request.reason,
        )
        self.target.set_canary(promotion, canary)
        return promotion

    def _serve(self, action: str, release: Release, request: Request) -> Promotion:
        serving = self.target.serves().pins.get(request.task, "")
        if serving == release.digest:
            raise ReleaseError(f"{release.name} serves already: nothing to {action}")
        promotion = Promotion(
            task=request.task,
            action=action,
            digest=release.digest,
            previous=serving,
            forced=self._is_forced(release, request),
            reason=request.reason,
        )
        self.target.pin(promotion)
        return promotion

    def _find(self, request: Request, digest: str) -> Release:
        release = self.store.find(digest)
        if release.card.task != request.task:
            raise ReleaseError(
                f"{release.name} is of task {release.card.task!r}: expected one of {request.task!r}"
            )
        return release

    def _is_forced(self, release: Release, request: Request) -> bool:
        if not release.card.failed_gate:
            return False
        if request.force != release.name:
            raise ReleaseError(
                f"{release.name} failed its gate ({release.card.gate.get('reason', 'not judged')}):"
                f" promote another, or force this one by its name: --force {release.name}"
            )
        return True


def with_cards(rows: Sequence[TaskStatus], store: ReleaseStore) -> list[TaskStatus]:
    """Return the rows with model and gate from the releases' cards, where they are at hand."""
    return [_with_card(row, store) for row in rows]


def _with_card(row: TaskStatus, store: ReleaseStore) -> TaskStatus:
    try:
        card = store.card(row.release)
    except ReleaseError:
        return row
    return replace(row, model=card.model, gate=card.gate_said)
