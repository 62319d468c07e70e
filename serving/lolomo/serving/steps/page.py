"""The step that blends, ranks and composes the page, in one process."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from lolomo.core.policy import Policy
from lolomo.serving.steps.blending import blend
from lolomo.serving.steps.compose import Composer
from lolomo.serving.steps.evidence import choose_pitches
from lolomo.serving.steps.messages import ComposedPage, Context, Page, Proposals, StepRequest
from lolomo.serving.steps.rank import Ranking, rank
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
        rankings = await self._rankings(request, answers)
        ranked = time.perf_counter()
        composer = Composer(
            features=self.resources.features,
            context=self._composed_for(request.context),
            answers=answers,
            tasks=self.resources.tasks,
            layout=self.resources.layout,
            policies=self._policies_for(request.context),
        )
        reasons = {name: answer.degraded for name, answer in answers.items()}
        reasons |= {name: ranking.degraded for name, ranking in rankings.items()}
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
                    release=ranking.release, proposal=ranking.proposal, degraded=ranking.degraded
                )
                for name, ranking in rankings.items()
            },
            seconds={"rank": ranked - started, "compose": time.perf_counter() - ranked},
        )

    def _policies_for(self, context: Context) -> Mapping[str, Policy]:
        """Return how rows are drawn: as everybody's, but for the arms that the member has."""
        experiments = self.resources.experiments
        if experiments is None:
            return self.resources.policies
        assigned = experiments.of(context.user.user_id, context.timestamp)
        return {**self.resources.policies, **assigned.policies}

    def _composed_for(self, context: Context) -> Context:
        """Return the context with all rows wanted, if a release chooses among them later."""
        chooses = ROW_ORDER.name in self.resources.champions
        return replace(context, max_rows=None) if chooses else context

    async def _rankings(
        self, request: StepRequest, answers: Mapping[str, Proposals]
    ) -> dict[str, Ranking]:
        rankings = {}
        for task in self.resources.tasks.values():
            if task.candidates_from:
                candidates = blend(task, answers, request.context, self.resources.layout)
                rankings[task.name] = await rank(task, candidates, request.context, self.resources)
        return rankings
