"""Lolomo on a Kubernetes cluster: an overlay applied, looked at and changed."""

from lolomo.operations.cluster.api import ClusterError, KubernetesApi, Reference
from lolomo.operations.cluster.overlay import Overlay
from lolomo.operations.cluster.target import ClusterTarget

__all__ = ["ClusterError", "ClusterTarget", "KubernetesApi", "Overlay", "Reference"]
