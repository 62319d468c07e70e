"""The case study as one HTML page: no script, no outside resource, pictures embedded."""

import base64
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from lolomo.evaluation.claims import Verdict, in_words
from lolomo.evaluation.ladder import FRESHNESSES
from lolomo.operations.case_study.content import CaseStudy, added, in_order, metric_names

METRICS = ("ndcg@100", "hr@10", "mrr", "ipw_ndcg@10", "coverage@10")
"""Beside the task's own metric."""


def to_html(case_study: CaseStudy, figures: dict[str, dict[str, Path]]) -> str:
    """Return the page.

    Args:
        case_study: What was measured.
        figures: SVG files by what they show (`ladder`, `gains`, `debiased`, `extrapolation`), by
            data set.
    """
    embedded = {
        dataset: {name: _data_uri(path) for name, path in own.items()}
        for dataset, own in figures.items()
    }
    return _template().render(
        case_study=case_study,
        figures=embedded,
        freshnesses=FRESHNESSES,
        verdicts=Verdict,
        metrics=METRICS,
    )


def _data_uri(path: Path) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(path.read_bytes()).decode()}"


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"in_words": in_words, "added": added}
    environment.globals |= {"in_order": in_order, "metric_names": metric_names}
    return environment.get_template("case_study.html")
