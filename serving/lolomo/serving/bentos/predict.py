"""One task at a time, as KServe's V1 and V2 protocols ask."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from lolomo.core.columns import Columns
from lolomo.core.recommender import Ranker
from lolomo.core.task import Task
from lolomo.features.candidates import Candidates, Proposal, source_features
from lolomo.serving.bentos.front import Front
from lolomo.serving.bentos.problems import ProblemError
from lolomo.serving.bentos.schema import InferRequest, Instance, Tensor, check
from lolomo.serving.steps import (
    Context,
    Generator,
    Proposals,
    Resources,
    StepRequest,
    blend,
    rank,
)
from lolomo.serving.steps.queries import HISTORY

OUTPUTS = (("item_ids", "BYTES"), ("scores", "FP32"))
INPUTS = {"user_id": "BYTES", "device": "BYTES", "country": "BYTES", "timestamp": "INT64"}


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one task answers to one instance."""

    item_ids: list[str]
    scores: list[float]
    release: str
    degraded: str | None


async def predict(front: Front, task: Task, instance: Instance) -> Prediction:
    """Answer one instance with the task's release.

    Raises:
        ProblemError: If candidates are given to a task that finds its own.
    """
    context = _with_history(await front.context(instance), instance)
    resources = front.serving_for(instance.user_id).resources
    if not task.candidates_from:
        if instance.candidates is not None:
            raise ProblemError(
                422,
                "This task finds its own candidates",
                f"received {len(instance.candidates)} candidates for task {task.name!r}",
                "no `candidates`",
                "leave them out, or ask a task that ranks",
            )
        answer = await Generator(task, resources)(StepRequest(context))
        return _prediction(answer.proposal, answer.release, answer.degraded, instance.k)
    candidates = await _candidates(resources, task, instance, context)
    ranking = await rank(task, candidates, context, resources)
    return _prediction(ranking.proposal, ranking.release, ranking.degraded, instance.k)


async def infer(front: Front, task: Task, request: InferRequest) -> dict[str, Any]:
    """Answer a V2 request: a row of each input is an instance.

    Raises:
        ProblemError: If the tensors do not fit together.
    """
    instances = _instances(request)
    predictions = [await predict(front, task, instance) for instance in instances]
    k = request.parameters.k
    data: dict[str, list[Any]] = {
        "item_ids": [item for answer in predictions for item in _padded(answer.item_ids, k, "")],
        "scores": [score for answer in predictions for score in _padded(answer.scores, k, 0.0)],
    }
    return {
        "model_name": task.name,
        "model_version": predictions[0].release,
        **({"id": request.id} if request.id is not None else {}),
        "outputs": [
            {"name": name, "datatype": datatype, "shape": [len(instances), k], "data": data[name]}
            for name, datatype in OUTPUTS
        ],
    }


def metadata(front: Front, task: Task) -> dict[str, Any]:
    """Return the V2 metadata of a task."""
    champion = front.resources.champions.get(task.name)
    kind = "" if champion is None else "ranks" * isinstance(champion.recommender, Ranker)
    return {
        "name": task.name,
        "versions": [champion.digest] if champion else [],
        "platform": f"lolomo_{kind or 'retrieves'}" if champion else "lolomo",
        "inputs": [
            {"name": name, "datatype": datatype, "shape": [-1]} for name, datatype in INPUTS.items()
        ],
        "outputs": [
            {"name": name, "datatype": datatype, "shape": [-1, -1]} for name, datatype in OUTPUTS
        ],
    }


def _with_history(context: Context, instance: Instance) -> Context:
    """Replace the history by the one that was sent."""
    items = instance.history_item_ids
    if items is None:
        return context
    columns = dict(
        zip(HISTORY, (items, [context.timestamp] * len(items), ["play"] * len(items)), strict=True)
    )
    user = context.user
    features = {**user.features, **columns}
    return replace(context, user=replace(user, features=features, seen_item_ids=frozenset(items)))


async def _candidates(
    resources: Resources, task: Task, instance: Instance, context: Context
) -> Candidates:
    if instance.candidates is not None:
        item_ids = np.array(list(dict.fromkeys(instance.candidates)), dtype=object)
        blank = np.zeros(len(item_ids), np.float32)
        return Candidates(item_ids, dict.fromkeys(source_features(task.candidates_from), blank))
    answers: dict[str, Proposals] = {}
    for source in task.candidates_from:
        generator = Generator(resources.tasks[source], resources)
        answers[source] = await generator(StepRequest(context))
    return blend(task, answers, context)


def _prediction(proposal: Proposal, release: str, degraded: str | None, k: int) -> Prediction:
    return Prediction(
        proposal.item_ids[:k].tolist(), proposal.scores[:k].tolist(), release, degraded
    )


def _instances(request: InferRequest) -> list[Instance]:
    """Turn the rows of the tensors into instances."""
    columns = {tensor.name: _values(tensor) for tensor in request.inputs}
    lengths = {len(values) for values in columns.values()}
    if len(columns) != len(request.inputs) or len(lengths) != 1 or lengths == {0}:
        raise _tensor_problem(
            f"inputs {[(tensor.name, tensor.shape) for tensor in request.inputs]}"
        )
    if Columns.TIMESTAMP in columns:
        columns[Columns.TIMESTAMP] = [_moment(value) for value in columns[Columns.TIMESTAMP]]
    k = request.parameters.k
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return [check(Instance, {**row, "k": k}) for row in rows]


def _values(tensor: Tensor) -> Sequence[Any]:
    rows = int(np.prod(tensor.shape, dtype=float))
    if INPUTS.get(tensor.name) != tensor.datatype or rows != len(tensor.data):
        raise _tensor_problem(
            f"{tensor.name[:60]!r} of datatype {tensor.datatype[:20]!r}, shape {tensor.shape} and "
            f"{len(tensor.data)} values"
        )
    return tensor.data


def _moment(value: Any) -> datetime:
    try:
        return datetime.fromtimestamp(int(value) / 1e6, UTC)
    except (OSError, OverflowError, TypeError, ValueError) as error:
        raise _tensor_problem(f"a timestamp of {str(value)[:40]!r}") from error


def _tensor_problem(received: str) -> ProblemError:
    return ProblemError(
        422,
        "The tensors do not fit",
        f"received {received}",
        f"tensors of one length, each once, of {INPUTS}, with `user_id` among them",
        "see `GET /v2/models/<task>` for names, datatypes and shapes",
    )


def _padded(values: list[Any], k: int, padding: Any) -> list[Any]:
    return values + [padding] * (k - len(values))
