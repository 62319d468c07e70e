"""The step that blends, ranks and composes the page, in one process."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from lolomo.core.policy import Policy
from lolomo.core.task import MIN_HISTORY
from lolomo.serving.steps.blending import blend
from lolomo.serving.steps.compose import Composer
from lolomo.serving.steps.evidence import choose_pitches
from lolomo.serving.steps.messages import ComposedPage, Context, Page, Proposals, StepRequest
from lolomo.serving.steps.rank import Ranking, as_blended, rank
from lolomo.serving.steps.reasons import Reason
from lolomo.serving.steps.resources import Resources
from lolomo.serving.steps.row_order import order_rows
from lolomo.tasks import EVIDENCE, ROW_ORDER


@dataclass(frozen=True, slots=True)
class PageStep:
    """Answers with the page; whatever is missing is left out, with the reason."""

    resources: Resources

    async def __call__(self, request: StepRequest) -> Page:
        """Blend and rank for every task that ranks what others propose, then compose."""
        answers = {
            name: answer
            for name, answer in request.answers.items()
            if isinstance(answer, Proposals)
        }
        started = time.perf_counter()
        policies, interleaved = self._drawn_for(request.context)
        rankings = await self._rankings(request, answers, policies, interleaved)
        ranked = time.perf_counter()
        composer = Composer(
            features=self.resources.features,
            context=self._composed_for(request.context),
            answers=answers,
            tasks=self.resources.tasks,
            layout=self.resources.layout,
            policies=policies,
        )
        reasons = {name: answer.degraded for name, answer in answers.items()}
        reasons |= {name: each.degraded for name, each in _named(rankings)}
        for name in policies.keys() & answers.keys() - rankings.keys():
            if policies[name].wants_posterior:  # no generator has one
                reasons[name] = reasons[name] or Reason.NO_POSTERIOR.value
        ordered = await order_rows(composer.rows(rankings), request.context, self.resources)
        rows = ordered.rows[: request.context.max_rows]
        pitched = await choose_pitches(rows, request.context, self.resources)
        reasons |= {ROW_ORDER.name: ordered.degraded, EVIDENCE.name: pitched.degraded}
        return ComposedPage(
            rows=pitched.rows,
            degraded={name: why for name, why in reasons.items() if why},
            num_candidates={
                name: len(answer.proposal.item_ids) for name, answer in answers.items()
            },
            rankings={
                name: Proposals(
                    release=each.release, proposal=each.proposal, degraded=each.degraded
                )
                for name, each in _named(rankings)
            },
            seconds={"rank": ranked - started, "compose": time.perf_counter() - ranked},
        )

    def _drawn_for(self, context: Context) -> tuple[Mapping[str, Policy], Mapping[str, str]]:
        """Return how rows are drawn, and which releases are drafted into them, by task.

        As everybody's, but for the arms that the member has.
        """
        resources = self.resources
        if resources.experiments is None:
            return resources.policies, resources.interleaved
        assigned = resources.experiments.of(context.user.user_id, context.timestamp)
        return {**resources.policies, **assigned.policies}, assigned.interleaved

    def _composed_for(self, context: Context) -> Context:
        """Return the context with all rows wanted, if a release chooses among them later."""
        chooses = ROW_ORDER.name in self.resources.champions
        return replace(context, max_rows=None) if chooses else context

    async def _rankings(
        self,
        request: StepRequest,
        answers: Mapping[str, Proposals],
        policies: Mapping[str, Policy],
        interleaved: Mapping[str, str],
    ) -> dict[str, Ranking]:
        """Rank for each task that ranks; for a member of whom rankers know too little, blend."""
        rankings = {}
        resources, context = self.resources, request.context
        for name, task in resources.tasks.items():
            if not task.candidates_from:
                continue
            candidates = blend(task, answers, context, resources.layout)
            if len(context.user.history) < MIN_HISTORY:
                rankings[name] = as_blended(candidates)
                continue
            rival = resources.challengers.get((name, interleaved.get(name, "")))
            explores = name in policies and policies[name].wants_posterior and rival is None
            ranking = await rank(task, candidates, context, resources, posterior=explores)
            if rival is not None and ranking.degraded is None:
                other = await rank(task, candidates, context, resources, by=rival)
                ranking = replace(ranking, rival=other)
            rankings[name] = ranking
        return rankings


def _named(rankings: Mapping[str, Ranking]) -> Iterator[tuple[str, Ranking]]:
    """Yield all rankings, rivals too."""
    return chain.from_iterable(ranking.named(name) for name, ranking in rankings.items())
