"""The case study as a compact Markdown page, to be committed beside two pictures."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from lolomo.evaluation.ladder import FRESHNESSES, Row, Study
from lolomo.operations.case_study.content import CaseStudy, added, in_order, metric_names

METRICS = ("mrr", "hr@10", "ipw_ndcg@10", "coverage@10")
"""Beside the task's own metric."""


def to_markdown(case_study: CaseStudy, figures: dict[str, dict[str, Path]]) -> str:
    """Return the page.

    Args:
        case_study: What was measured.
        figures: Pictures by what they show (`ladder`, `gains`), by data set, as paths relative to
            the page.
    """
    parts = [_INTRODUCTION.format(command=case_study.command)]
    if case_study.quick:
        parts.append("**Trained for a moment only: no figure here is to be quoted.**\n")
    parts += ["## Which claims hold\n", _verdicts(case_study)]
    for study in case_study.studies:
        parts += _study(case_study, study, figures.get(study.dataset, {}))
    parts += _missing(case_study)
    return "\n".join(parts)


def _verdicts(case_study: CaseStudy) -> str:
    datasets = [study.dataset for study in case_study.studies]
    columns = [(dataset, freshness) for dataset in datasets for freshness in FRESHNESSES]
    header = ["claim", *(f"{dataset}, {freshness}" for dataset, freshness in columns)]
    rows = [
        [
            f"{claim.number}. {claim.title}",
            *(str(case_study.finding(claim, *column).verdict) for column in columns),
        ]
        for claim in case_study.claims
    ]
    return _table(header, rows)


def _study(case_study: CaseStudy, study: Study, figures: dict[str, Path]) -> Iterable[str]:
    yield f"## {study.dataset}\n"
    few = [task for task in study.tasks if not study.is_conclusive(task)]
    if few:
        counts = ", ".join(f"{task} {study.num_users(task)}" for task in few)
        yield f"*Inconclusive* by protocol, with fewer than 500 users judged: {counts}.\n"
    for name, path in figures.items():
        yield f"![{_SHOWN[name]} on {study.dataset}, frozen and fresh]({path.as_posix()})\n"
    yield "### In words\n"
    for claim in case_study.claims:
        for freshness in FRESHNESSES:
            finding = case_study.finding(claim, study.dataset, freshness)
            yield f"- {claim.title}, {freshness}: **{finding.verdict}**. {finding.words}"
    yield ""
    for task in study.tasks:
        yield f"### {task}, {study.num_users(task):,} users\n"
        if sources := case_study.sources.get((study.dataset, task)):
            yield (
                f"Candidates are proposed by {sources}: what the latest gate of each of these "
                "tasks chose, or its strongest baseline where `lolomo train` has not been run.\n"
            )
        yield _rows(case_study, study, task)


def _rows(case_study: CaseStudy, study: Study, task: str) -> str:
    grouped = in_order(study, task)
    everything = [row for _, rows in grouped for row in rows]
    own = everything[0].metric
    others = metric_names(everything, [name for name in METRICS if name != own])
    header = ["counts", "model", own, "this rung adds", *others]
    if case_study.num_seeds > 1:
        header.append("seeds, lowest to highest")
    lines = [
        _row(case_study, study, row, others, freshness)
        for freshness, rows in grouped
        for row in rows
        if row.reads_counts or freshness == FRESHNESSES[0]
    ]
    return _table(header, lines)


def _row(
    case_study: CaseStudy, study: Study, row: Row, others: Sequence[str], freshness: str
) -> list[str]:
    step = case_study.step_to(study, row)
    cells = [
        freshness if row.reads_counts else "none read",
        row.label,
        str(row.figure),
        added(step) if step else "",
        *(f"{row.metrics[name].mean:.4f}" if name in row.metrics else "" for name in others),
    ]
    if case_study.num_seeds > 1:
        several = len(row.seed_means) > 1
        ends = f"{min(row.seed_means):.4f} to {max(row.seed_means):.4f}"
        cells.append(f"{ends} ({len(row.seed_means)})" if several else "")
    return cells


def _missing(case_study: CaseStudy) -> Iterable[str]:
    if case_study.missing:
        yield "## What was not measured\n"
        for (subject, reason), number in case_study.missing_by_model.items():
            rows = f", {number} rows" if number > 1 else ""
            yield f"- {subject}{rows}: {reason}"
        yield ""


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


_SHOWN = {"ladder": "The ladder", "gains": "What each rung adds to the one before it"}
_INTRODUCTION = """\
# The case study on open data

Steck et al., "Deep Learning for Recommender Systems: A Netflix Case Study" (AI Magazine 2021), tell
what was learned at one service. This page asks the same of open data: each architecture climbs a
ladder of inputs, *ids, + content, + context, + discretised time, + continuous time*, and raw
absolute time beside it; each fit is judged twice, with counts frozen at the cut and with fresh
ones. Differences are paired, on the same queries at equal freshness, with 95 % intervals by
bootstrap over users. The protocol is the as-of next item of a global time split; the test window is
looked at to report, never to choose.

```sh
{command}
```

rebuilds this page. What has been measured is not measured again, and a killed run goes on where it
was. A figure is the mean over the seeds that were fitted; what a rung adds is measured on the seeds
that both rungs have. Intervals are over users and leave out the noise of seeds, which is shown
where there are several.
"""
