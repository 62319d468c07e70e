"""The case study as one operation: measured, drawn, and said in words.

`plan` says what is measured in which order, `measure` does it, `content` holds what was found, and
`page` and `markdown` write it.
"""

from lolomo.operations.case_study.plan import DATASETS, CaseStudyOptions
from lolomo.operations.case_study.report import report_case_study

__all__ = ["DATASETS", "CaseStudyOptions", "report_case_study"]
