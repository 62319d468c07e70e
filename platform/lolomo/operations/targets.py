"""Which target a command works on: an overlay that is named, or else this machine."""

from pathlib import Path

from lolomo.core.settings import Settings
from lolomo.operations.target import Target


def find_target(settings: Settings, dataset: str | None, overlay: Path | None = None) -> Target:
    """Return the cluster of an overlay, or this machine if there is none.

    Args:
        settings: Says which overlay unless one is given.
        dataset: Of the embedded target.
        overlay: The folder of a kustomization.
    """
    folder = overlay or settings.overlay
    if folder is None:
        from lolomo.operations.embedded import EmbeddedTarget

        return EmbeddedTarget(settings.workspace(dataset), dataset or settings.dataset)
    from lolomo.operations.cluster import ClusterTarget, Overlay

    return ClusterTarget(Overlay(folder), prometheus=settings.prometheus)
