"""Which offline metric can be trusted? Asked of worlds in which the truth is known; *simulated*.

Some dozens of rankers and policies are judged twice on the same visits of a simulated service:
offline, by what its log holds, and online, by what the world's members would have done. How well an
offline metric puts the variants in their online order is its *alignment*.

`signals` says what rankers read, `variants` who is judged, `recording` runs the service and keeps
its log, `offline` and `online` judge, `study` puts it together, `page` draws and says it.
"""

from lolomo.operations.alignment.page import write_alignment
from lolomo.operations.alignment.study import AlignmentPlan, Measured, measure_alignment

__all__ = ["AlignmentPlan", "Measured", "measure_alignment", "write_alignment"]
