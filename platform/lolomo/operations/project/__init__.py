"""A company's own project: what Lolomo finds through entry points, and its clusters' overlays."""

from lolomo.operations.project.create import create_project
from lolomo.operations.project.manifests import write_manifests

__all__ = ["create_project", "write_manifests"]
