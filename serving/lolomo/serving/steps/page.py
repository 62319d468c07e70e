"""The step that blends, ranks and composes the page, in one process."""

from collections.abc import Mapping
from dataclasses import dataclass

from lolomo.serving.steps.compose import Composer
from lolomo.serving.steps.messages import Page, Proposals, StepRequest
from lolomo.serving.steps.rank import Ranking, blend, rank
from lolomo.serving.steps.resources import Resources


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
        rankings = await self._rankings(request, answers)
        composer = Composer(
            features=self.resources.features,
            context=request.context,
            answers=answers,
            tasks=self.resources.tasks,
        )
        reasons = {name: answer.degraded for name, answer in answers.items()}
        reasons |= {name: ranking.degraded for name, ranking in rankings.items()}
        return Page(
            rows=composer.rows(rankings),
            degraded={name: why for name, why in reasons.items() if why},
            num_candidates={
                name: len(answer.proposal.item_ids) for name, answer in answers.items()
            },
        )

    async def _rankings(
        self, request: StepRequest, answers: Mapping[str, Proposals]
    ) -> dict[str, Ranking]:
        rankings = {}
        for task in self.resources.tasks.values():
            if task.candidates_from:
                candidates = blend(task, answers, request.context)
                rankings[task.name] = await rank(task, candidates, request.context, self.resources)
        return rankings
