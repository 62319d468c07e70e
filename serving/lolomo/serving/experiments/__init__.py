"""Experiments while serving: which arms a member has now, and how that changes the page."""

from lolomo.serving.experiments.assignment import Assignment, Assignments

__all__ = ["Assignment", "Assignments"]
