"""A candidate: one model fitted at each cut and exported, not yet a release.

Its folder holds one folder a cut, named for the window that follows the cut, with the runtime's
files; and `candidate.json`, which says what they are.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from lolomo.core.recommender import Ranker, Retriever
from lolomo.training.models.model import Export

DESCRIPTION = "candidate.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What a candidate's folder says of itself."""

    task: str
    model: str
    role: str
    config: dict[str, Any]
    exports: Mapping[str, Export]
    """What was exported, by cut: fits may choose different inputs."""
    fit_seconds: Mapping[str, float]
    """By cut."""
    seed: int
    """Of all that the fits drew."""
    fits: Mapping[str, str] = field(default_factory=dict)
    """Keys of the steps that fitted it, by cut."""
    continued_from: str = ""
    """Digest of the release that the fits went on from; "" if they began anew."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the description in a candidate's folder."""
        values = json.loads((folder / DESCRIPTION).read_text())
        exports = {cut: export_from(export) for cut, export in values["exports"].items()}
        return cls(**{**values, "exports": exports})

    def write(self, folder: Path) -> None:
        """Write the description into a candidate's folder."""
        (folder / DESCRIPTION).write_text(json.dumps(asdict(self), indent=2, sort_keys=True))


def export_from(values: Mapping[str, Any]) -> Export:
    """Return an export from its JSON values."""
    return Export(**{**values, "inputs": tuple(values["inputs"])})


def load_candidate(folder: Path, cut: str) -> Retriever | Ranker:
    """Load what a candidate exported at a cut, as serving would."""
    from lolomo.runtimes import load_files

    export = Candidate.read(folder).exports[cut]
    return load_files(folder / cut, export.runtime, export.method, export.inputs)
