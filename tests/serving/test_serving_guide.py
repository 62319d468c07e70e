"""What the guide of the page service says is so."""

import re
from pathlib import Path

from documents import ROOT, blocks

from lolomo.events.journal_reading import Journal
from lolomo.serving.steps import Reason

GUIDE = ROOT / "docs" / "guides" / "serving.md"


def test_the_guide_names_every_reason_and_no_other() -> None:
    table = GUIDE.read_text().partition("| reason |")[2].partition("\n\n")[0]
    first_cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("| ")]
    named = {name for cell in first_cells for name in re.findall(r"`([a-z-]+)`", cell)}
    parts = {"front"}
    assert named - parts == {reason.value for reason in Reason} - {"unknown"}


def test_the_sql_of_the_guide_is_answered(tmp_path: Path) -> None:
    (sql,) = blocks(GUIDE, "sql")
    assert Journal(tmp_path).query(sql).columns[0] == "part"
