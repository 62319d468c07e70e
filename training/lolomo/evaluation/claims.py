"""The case study's claims, asked of other data: which hold, which do not, which stay open?

Steck et al. (2021) tell what was found at one service. Each claim here is their sentence in our
words, and a test over measured rows: a paired difference at equal freshness, with its interval over
users. A claim *holds* or *does not hold* when the interval leaves no doubt, and is *inconclusive*
when it does not, when rows are missing, or where fewer than 500 users were judged: such data may
not decide anything, whatever its intervals say.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from lolomo.evaluation.bootstrap import Comparison, paired_bootstrap
from lolomo.evaluation.decisions import MIN_USERS
from lolomo.evaluation.ladder import (
    FRESHNESSES,
    NO_PRIOR,
    Family,
    Row,
    Rung,
    Study,
    averages,
    difference,
    halves,
    seed_gains,
    strongest_row,
)

NON_INFERIORITY_MARGIN = 0.01
"""How much of the trees' figure a deep model may lose and still count as not worse."""


class Verdict(StrEnum):
    """What the data say of a claim."""

    HOLDS = "holds"
    DOES_NOT_HOLD = "does not hold"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A difference that a verdict rests on."""

    label: str
    """What was compared with what."""
    comparison: Comparison
    decides: bool = True
    """Whether the verdict follows from it; otherwise it is shown to understand the verdict."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a test found, before anybody asks whether enough users were judged."""

    verdict: Verdict
    words: str
    evidence: tuple[Evidence, ...] = ()
    tasks: tuple[str, ...] = ()
    """Whose users it speaks for."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of the paper, and how it is tested."""

    number: int
    title: str
    sentence: str
    """What the paper says, in our words."""
    test: str
    """How it is decided here, in words."""
    decide: Callable[[Study, str], Outcome]
    """The same as code, of a study and a freshness."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one data set says of one claim at one freshness."""

    claim: Claim
    dataset: str
    freshness: str
    verdict: Verdict
    words: str
    evidence: tuple[Evidence, ...]


def findings(study: Study) -> list[Finding]:
    """Return what a study says of every claim, frozen and fresh."""
    return [_finding(claim, study, freshness) for claim in CLAIMS for freshness in FRESHNESSES]


def _finding(claim: Claim, study: Study, freshness: str) -> Finding:
    outcome = claim.decide(study, freshness)
    few = [task for task in outcome.tasks if not study.is_conclusive(task)]
    verdict, words = outcome.verdict, outcome.words
    if few:
        counts = ", ".join(f"{task} {study.num_users(task)}" for task in few)
        said = f"; the intervals alone would say: {verdict}" if verdict is not _OPEN else ""
        words = f"Fewer than {MIN_USERS} users were judged ({counts}){said}. {words}"
        verdict = _OPEN
    return Finding(claim, study.dataset, freshness, verdict, words, outcome.evidence)


def sign(comparison: Comparison) -> int:
    """Return 1 or -1 if a difference is surely above or below 0, else 0."""
    return (comparison.difference.low > 0) - (comparison.difference.high < 0)


def in_words(comparison: Comparison) -> str:
    """Return a difference with its interval.

    >>> from lolomo.evaluation.bootstrap import Interval
    >>> in_words(Comparison("ndcg@10", Interval(0.01, 0.005, 0.015), 1.1, 600))
    '+0.0100 [+0.0050, +0.0150]'
    """
    ends = comparison.difference
    return f"{ends.mean:+.4f} [{ends.low:+.4f}, {ends.high:+.4f}]"


_OPEN = Verdict.INCONCLUSIVE


def _by_sign(signs: Sequence[int]) -> Verdict:
    """Return *holds* if some differences are above 0 and none below, and the reverse."""
    if any(value > 0 for value in signs) and not any(value < 0 for value in signs):
        return Verdict.HOLDS
    if any(value < 0 for value in signs) and not any(value > 0 for value in signs):
        return Verdict.DOES_NOT_HOLD
    return _OPEN


def _missing(what: str) -> Outcome:
    return Outcome(_OPEN, f"Not measured: {what}.")


def _tasks_differ(study: Study, freshness: str) -> Outcome:
    """A model wins one task, another model another, and one of them took part in both."""
    evidence, winners = [], {}
    entered: dict[str, set[str]] = {}
    for task in study.tasks:
        rows = study.select(task, freshness)
        entered[task] = {row.model for row in rows}
        best = strongest_row(rows)
        second = strongest_row([row for row in rows if best and row.model != best.model])
        if best is None or second is None:
            continue
        comparison = difference(best, second)
        evidence.append(Evidence(f"{task}: {best.label} less {second.label}", comparison))
        if sign(comparison) > 0:
            winners[task] = best.model
    crossed = [
        (one, other)
        for one, first in winners.items()
        for other, second in winners.items()
        if first != second and first in entered[other]
    ]
    words = (
        "; ".join(f"{model} wins {task}" for task, model in winners.items()) or "No clear winner"
    )
    tasks = tuple(winners) or study.tasks
    if crossed:
        one, other = crossed[0]
        words += f". {winners[one]} also took part in {other}, and lost there to {winners[other]}"
        return Outcome(Verdict.HOLDS, f"{words}.", tuple(evidence), tasks)
    if len(winners) > 1 and len(set(winners.values())) == 1:
        return Outcome(Verdict.DOES_NOT_HOLD, f"{words}.", tuple(evidence), tasks)
    words += ". No clear winner of one task took part in, and lost, another"
    return Outcome(_OPEN, f"{words}.", tuple(evidence), tasks)


def _no_win_on_ids(study: Study, freshness: str) -> Outcome:
    """The strongest deep model on ids alone is not above the strongest simple one.

    Where a network was judged without the counts and co-visits that are added to its scores, it
    decides: these are what simple models are made of.
    """
    for task in study.ladder_tasks:
        rows = study.select(task, freshness)
        on_ids = study.select(task, freshness, rung=Rung.IDS, families=(Family.DEEP,))
        alone = [row for row in on_ids if row.variant == NO_PRIOR]
        deep = strongest_row(alone or on_ids)
        simple = strongest_row(
            [row for row in rows if row.family is Family.SIMPLE and row.rung in (Rung.IDS, None)]
        )
        # Where deep models rank what others propose, ids are not all that they are given.
        if deep and simple and not any(row.family is Family.TREES for row in rows):
            comparison = difference(deep, simple)
            verdict = Verdict.DOES_NOT_HOLD if sign(comparison) > 0 else Verdict.HOLDS
            words = _relation(deep, simple, comparison)
            evidence = [Evidence(f"{task}: {deep.label} less {simple.label}", comparison)]
            helped = strongest_row([row for row in on_ids if alone and not row.variant])
            if helped is not None:
                comparison = difference(helped, simple)
                label = f"{task}: {helped.label}, counts added, less {simple.label}"
                evidence.append(Evidence(label, comparison, decides=False))
                words += f" With counts added, {_relation(helped, simple, comparison)}"
            return Outcome(verdict, words, tuple(evidence), (task,))
    return _missing("a deep model on ids alone beside a simple one")


def _relation(deep: Row, simple: Row, comparison: Comparison) -> str:
    relation = {1: "beats", 0: "ties with", -1: "loses to"}[sign(comparison)]
    return f"{deep.label} {relation} {simple.label}: {in_words(comparison)}."


def _gains(
    study: Study, freshness: str, rungs: tuple[Rung, Rung], *, decides: bool = True
) -> list[tuple[str, Evidence]]:
    """Return by task what a rung adds to another, on average over deep architectures, and each."""
    found = []
    for task in study.tasks:
        pooled = study.gain(task, freshness, rungs, (Family.DEEP,))
        if pooled is None:
            continue
        label = f"{rungs[0].label} less {rungs[1].label}".replace("+ ", "")
        found.append((task, Evidence(f"{task}, deep models on average: {label}", pooled, decides)))
        for row in study.select(task, freshness, rung=rungs[0], families=(Family.DEEP,)):
            lower = study.at(row, rungs[1])
            if lower is not None:
                name = f"{task}, {row.architecture}: {label}"
                found.append((task, Evidence(name, difference(row, lower), decides=False)))
    return found


def _rung_helps(
    study: Study, freshness: str, rungs: tuple[Rung, Rung], aside: tuple[Rung, Rung] | None = None
) -> Outcome:
    """Decide by the sign of what a rung adds, in every task that has it."""
    gains = _gains(study, freshness, rungs)
    if not gains:
        return _missing(f"a deep model on both rungs, {rungs[0].label} and {rungs[1].label}")
    deciding = [each for _, each in gains if each.decides]
    words = "; ".join(f"{each.label}: {in_words(each.comparison)}" for each in deciding)
    verdict = _by_sign([sign(each.comparison) for each in deciding])
    more = _gains(study, freshness, aside, decides=False) if aside else []
    evidence = tuple(each for _, each in (*gains, *more))
    tasks = tuple(dict.fromkeys(task for task, _ in gains))
    words = f"{words}.{_by_seed(study, freshness, rungs, tasks)}"
    return Outcome(verdict, words, evidence, tasks)


def _by_seed(study: Study, freshness: str, rungs: tuple[Rung, Rung], tasks: Sequence[str]) -> str:
    """Return each architecture's gain by seed: intervals over users leave the seeds' noise out."""
    words = ""
    for task in tasks:
        for row in study.select(task, freshness, rung=rungs[0], families=(Family.DEEP,)):
            lower = study.at(row, rungs[1])
            gains = seed_gains(row, lower) if lower else []
            if len(gains) > 1:
                said = ", ".join(f"{gain:+.4f}" for gain in gains)
                words += f" {row.architecture} by seed: {said}."
    return words


def _features_help(study: Study, freshness: str) -> Outcome:
    return _rung_helps(study, freshness, (Rung.CONTEXT, Rung.IDS), (Rung.CONTENT, Rung.IDS))


def _time_helps(study: Study, freshness: str) -> Outcome:
    rungs = (Rung.CONTINUOUS_TIME, Rung.CONTEXT)
    return _rung_helps(study, freshness, rungs, (Rung.DISCRETISED_TIME, Rung.CONTEXT))


def _continuous_helps_more(study: Study, freshness: str) -> Outcome:
    return _rung_helps(study, freshness, (Rung.CONTINUOUS_TIME, Rung.DISCRETISED_TIME))


def _absolute_extrapolates(study: Study, freshness: str) -> Outcome:
    """Raw absolute time still helps in the later half of the window."""
    evidence, signs, tasks = [], [], []
    for task in study.tasks:
        pairs = [
            (row, lower)
            for row in study.select(
                task, freshness, rung=Rung.ABSOLUTE_TIME, families=(Family.DEEP,)
            )
            if (lower := study.at(row, Rung.CONTEXT)) is not None
        ]
        if not pairs:
            continue
        early, late = _by_half(pairs)
        label = f"{task}, deep models on average: absolute time less none"
        evidence += [
            Evidence(f"{label}, later half of the window", late),
            Evidence(f"{label}, earlier half", early, decides=False),
        ]
        signs.append(sign(late))
        tasks.append(task)
    if not evidence:
        return _missing("a deep model with and without raw absolute time")
    words = "; ".join(f"{each.label}: {in_words(each.comparison)}" for each in evidence)
    return Outcome(_by_sign(signs), f"{words}.", tuple(evidence), tuple(tasks))


def _by_half(pairs: Sequence[tuple[Row, Row]]) -> list[Comparison]:
    higher, lower = averages(pairs)
    return [
        paired_bootstrap(one, other, pairs[0][0].metric)
        for one, other in zip(halves(higher), halves(lower), strict=True)
    ]


def _deep_not_below_trees(study: Study, freshness: str) -> Outcome:
    """With every feature, the deep ranker is not below the trees on the same candidates."""
    for task in study.tasks:
        rows = study.select(task, freshness)
        deep = _full([row for row in rows if row.family is Family.DEEP])
        trees = _full([row for row in rows if row.family is Family.TREES])
        if deep is None or trees is None:
            continue
        comparison = difference(deep, trees)
        margin = NON_INFERIORITY_MARGIN * trees.figure.mean
        verdict = _OPEN
        if comparison.difference.low > -margin:
            verdict = Verdict.HOLDS
        elif comparison.difference.high < -margin:
            verdict = Verdict.DOES_NOT_HOLD
        words = f"{deep.label} less {trees.label}: {in_words(comparison)}, margin {-margin:+.4f}."
        evidence = Evidence(f"{task}: {deep.label} less {trees.label}", comparison)
        return Outcome(verdict, words, (evidence,), (task,))
    return _missing("a deep model and trees in one task")


def _full(rows: Sequence[Row]) -> Row | None:
    """Return the strongest row among those that read everything."""
    return strongest_row([row for row in rows if row.rung in (Rung.CONTINUOUS_TIME, None)])


CLAIMS = (
    Claim(
        1,
        "Different architectures win different tasks",
        "There are many recommendation tasks, and different model architectures excel at different "
        "ones.",
        "Two tasks have different clear winners (the best model beats the best other model), and "
        "the winner of one took part in the other.",
        _tasks_differ,
    ),
    Claim(
        2,
        "On ids alone, deep models do not beat simple ones",
        "Given user-item interactions only, deep models brought no significant improvement over "
        "well-tuned simple models.",
        "The strongest deep model that reads ids only is not surely above the strongest simple "
        "model, at equal freshness. A network whose scores have counts and co-visits added is "
        "shown beside it and decides nothing, where the network was judged alone too.",
        _no_win_on_ids,
    ),
    Claim(
        3,
        "Heterogeneous features help deep models",
        "Deep models began to shine once many features of different kinds were added.",
        "Content and context, added to ids, raise the mean of all deep architectures.",
        _features_help,
    ),
    Claim(
        4,
        "Time helps",
        "Time is among the most valuable inputs of a deep model.",
        "Continuous time, added to ids, content and context, raises the mean of all deep "
        "architectures, at equal freshness.",
        _time_helps,
    ),
    Claim(
        5,
        "Continuous time helps more than discretised time",
        "A deep model makes more of time as a continuous number than of hours and weekdays as "
        "categories.",
        "Continuous time in place of buckets raises the mean of all deep architectures, at equal "
        "freshness.",
        _continuous_helps_more,
    ),
    Claim(
        6,
        "Raw absolute time extrapolates",
        "A model that reads the raw timestamp is asked about times later than any it was fitted "
        "on, and does well for some time after.",
        "In the later half of the window, raw absolute time added to ids, content and context "
        "still raises the mean of all deep architectures.",
        _absolute_extrapolates,
    ),
    Claim(
        7,
        "With features, deep models are not below trees",
        "With the same heterogeneous features, deep models reach and pass other strong models.",
        "On the same candidates and features, the deep ranker is not inferior to LambdaMART trees "
        "by more than 1 % of their figure.",
        _deep_not_below_trees,
    ),
)
"""In the order in which the case study tells its story."""
