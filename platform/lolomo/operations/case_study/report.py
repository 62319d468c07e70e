"""The whole report: measure what is planned, then write every form of it."""

from pathlib import Path

from lolomo.core.errors import SettingsError
from lolomo.core.files import write_atomically
from lolomo.core.progress import Progress
from lolomo.core.settings import Settings
from lolomo.evaluation.ladder import Study
from lolomo.evaluation.ladder_figures import (
    debiased_figure,
    extrapolation_figure,
    gains_figure,
    ladder_figure,
)
from lolomo.operations.case_study.content import CaseStudy, to_json
from lolomo.operations.case_study.markdown import to_markdown
from lolomo.operations.case_study.measure import (
    allowed_tasks,
    enter_all,
    sources_in_words,
    study_of,
)
from lolomo.operations.case_study.page import to_html
from lolomo.operations.case_study.plan import DATASETS, CaseStudyOptions, plan

PAGE = "index.html"
RESULTS = "results.json"
DRAWINGS = {
    "ladder": ladder_figure,
    "gains": gains_figure,
    "debiased": debiased_figure,
    "extrapolation": extrapolation_figure,
}


def report_case_study(
    settings: Settings, options: CaseStudyOptions, progress: Progress, docs: Path | None = None
) -> Path:
    """Measure the case study and write it; what was measured before is not measured again.

    Args:
        settings: Where everything is kept.
        options: What to measure.
        progress: Told the fraction done.
        docs: A folder that gets the compact page and its pictures too; none if None.

    Returns:
        The HTML page; `results.json` and the pictures stand beside it.

    Raises:
        SettingsError: If nothing could be measured.
    """
    tasks, not_allowed = allowed_tasks(settings, options, progress)
    measured = enter_all(plan(options, tasks), options.minutes, progress)
    if not measured.judged:
        reasons = "; ".join(f"{each.label}: {each.reason}" for each in measured.missing[:3])
        raise SettingsError(f"nothing was measured ({reasons}): give it more time or other tasks")
    studies = [study_of(settings, dataset, measured) for dataset in tasks]
    case_study = CaseStudy(
        studies=tuple(study for study in studies if study.rows),
        missing=(*not_allowed, *measured.missing),
        command=command_of(options),
        sources={
            (study.dataset, task): sources_in_words(study.dataset, task)
            for study in studies
            for task in study.tasks
        },
        num_seeds=options.num_seeds,
        quick=options.quick,
    )
    if docs is not None:
        write_docs(case_study, docs)
    name = "case-study-quick" if options.quick else "case-study"
    return write_report(case_study, settings.home / "reports" / name, progress)


def write_report(case_study: CaseStudy, folder: Path, progress: Progress) -> Path:
    """Write pictures, results and page into a folder; return the page."""
    progress(1.0, "writing the report")
    figures = {study.dataset: _draw(study, folder) for study in case_study.studies}
    write_atomically(folder / RESULTS, to_json(case_study))
    write_atomically(folder / PAGE, to_html(case_study, figures))
    return folder / PAGE


def write_docs(case_study: CaseStudy, docs: Path) -> Path:
    """Write `case-study.md` and two pictures a data set into a folder of docs; return the page.

    A data set where nothing has a ladder gets none.
    """
    figures = {
        study.dataset: {
            name: DRAWINGS[name](
                study, docs / "figures" / f"case-study-{name}-{study.dataset}.svg"
            ).relative_to(docs)
            for name in ("ladder", "gains")
        }
        for study in case_study.studies
        if study.ladder_tasks
    }
    write_atomically(docs / "case-study.md", to_markdown(case_study, figures))
    return docs / "case-study.md"


def command_of(options: CaseStudyOptions) -> str:
    """Return the command that makes the same report.

    >>> command_of(CaseStudyOptions(num_seeds=3, minutes=90))
    'lolomo report case-study --seeds 3'
    """
    words = ["lolomo report case-study"]
    if options.datasets != DATASETS:
        words += [f"--dataset {name}" for name in options.datasets]
    words += [f"--task {name}" for name in options.tasks]
    if options.num_seeds > 1:
        words.append(f"--seeds {options.num_seeds}")
    words += ["--headline"] * options.headline + ["--quick"] * options.quick
    return " ".join(words)


def _draw(study: Study, folder: Path) -> dict[str, Path]:
    """Draw each picture as SVG for the page, the ladder as PNG too."""
    drawn = {
        name: draw(study, folder / f"{name}-{study.dataset}.svg") for name, draw in DRAWINGS.items()
    }
    ladder_figure(study, folder / f"ladder-{study.dataset}.png")
    return drawn
