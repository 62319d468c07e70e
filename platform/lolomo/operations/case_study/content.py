"""What the report says, whatever it is written as: studies, findings, steps and what is missing."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from lolomo.evaluation import Comparison, Interval
from lolomo.evaluation.claims import CLAIMS, Claim, Evidence, Finding, findings, in_words
from lolomo.evaluation.ladder import FRESHNESSES, Row, Step, Study
from lolomo.operations.case_study.measure import Missing


@dataclass(frozen=True)
class CaseStudy:
    """The whole case study as measured, ready to be written."""

    studies: tuple[Study, ...]
    missing: tuple[Missing, ...]
    command: str
    """What rebuilds it."""
    sources: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Which models propose the candidates of a data set's task, in words."""
    num_seeds: int = 1
    quick: bool = False
    """Whether models were trained for a moment only."""

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What each data set says of each claim, frozen and fresh."""
        return tuple(finding for study in self.studies for finding in findings(study))

    @cached_property
    def steps(self) -> tuple[tuple[Study, Step], ...]:
        """What each rung adds, by study, task and architecture."""
        return tuple(
            (study, step)
            for study in self.studies
            for task in study.tasks
            for freshness in FRESHNESSES
            for step in study.steps(task, freshness)
        )

    @property
    def claims(self) -> tuple[Claim, ...]:
        """The claims in order."""
        return CLAIMS

    def finding(self, claim: Claim, dataset: str, freshness: str) -> Finding:
        """Return what a data set says of a claim."""
        return next(
            finding
            for finding in self.findings
            if (finding.claim, finding.dataset, finding.freshness) == (claim, dataset, freshness)
        )

    @property
    def missing_by_model(self) -> dict[tuple[str, str], int]:
        """How many rows are missing of what, for which reason."""
        return dict(Counter((each.subject or each.label, each.reason) for each in self.missing))

    def step_to(self, study: Study, row: Row) -> Step | None:
        """Return what a row's rung adds to the one before it, if both were measured."""
        return next(
            (step for other, step in self.steps if other is study and step.row is row), None
        )


def added(step: Step) -> str:
    """Return in words what a rung adds."""
    return "the data hold none" if step.is_empty else in_words(step.comparison)


def in_order(study: Study, task: str) -> list[tuple[str, list[Row]]]:
    """Return a task's rows by freshness: best first, the rungs of one architecture together."""
    groups = []
    for freshness in FRESHNESSES:
        rows = study.select(task, freshness)
        best: dict[str, float] = {}
        for row in rows:
            best[row.architecture] = max(best.get(row.architecture, -1.0), _mean(row))
        rows.sort(key=lambda row: (-best[row.architecture], row.architecture, _place(row)))
        groups.append((freshness, rows))
    return groups


def metric_names(rows: Iterable[Row], wanted: Sequence[str]) -> list[str]:
    """Return those of the wanted metrics that any of the rows has."""
    known = {name for row in rows for name in row.metrics}
    return [name for name in wanted if name in known]


def to_json(case_study: CaseStudy) -> str:
    """Return all of it for machines: rows, differences of neighbouring rungs, findings."""
    values = {
        "command": case_study.command,
        "quick": case_study.quick,
        "num_seeds": case_study.num_seeds,
        "cuts": {study.dataset: study.cut.isoformat() for study in case_study.studies},
        "rows": [_row(study, row) for study in case_study.studies for row in study.rows],
        "steps": [_step(study, step) for study, step in case_study.steps],
        "findings": [_finding(finding) for finding in case_study.findings],
        "missing": [{"row": each.label, "reason": each.reason} for each in case_study.missing],
    }
    return json.dumps(values, indent=2) + "\n"


def _place(row: Row) -> int:
    return list(type(row.rung)).index(row.rung) if row.rung else -1


def _mean(row: Row) -> float:
    return -1.0 if math.isnan(row.figure.mean) else row.figure.mean


def _row(study: Study, row: Row) -> dict[str, Any]:
    return {
        "dataset": study.dataset,
        "task": row.task,
        "model": row.model,
        "variant": row.variant,
        "family": row.family,
        "rung": row.rung,
        "freshness": row.freshness,
        "reads_counts": row.reads_counts,
        "num_users": row.num_users,
        "is_conclusive": study.is_conclusive(row.task),
        "metrics": {name: _interval(interval) for name, interval in row.metrics.items()},
        "seed_means": [_finite(mean) for mean in row.seed_means],
    }


def _step(study: Study, step: Step) -> dict[str, Any]:
    return {
        "dataset": study.dataset,
        "task": step.row.task,
        "freshness": step.row.freshness,
        "architecture": step.row.architecture,
        "rung": step.row.rung,
        "previous": step.previous.rung,
        **_comparison(step.comparison),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "claim": finding.claim.number,
        "title": finding.claim.title,
        "dataset": finding.dataset,
        "freshness": finding.freshness,
        "verdict": finding.verdict,
        "words": finding.words,
        "evidence": [_evidence(each) for each in finding.evidence],
    }


def _evidence(evidence: Evidence) -> dict[str, Any]:
    return {
        "label": evidence.label,
        "decides": evidence.decides,
        **_comparison(evidence.comparison),
    }


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {"metric": comparison.metric, "difference": _interval(comparison.difference)}


def _interval(interval: Interval) -> dict[str, float | None]:
    return {end: _finite(getattr(interval, end)) for end in ("mean", "low", "high")}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
