"""The loop, closed: pages are served, members react, models learn from it, day after day.

The platform is the real one: its page front, event intake, feature store, trainer, gate, canary and
hot swap. Only the members are simulated (`lolomo.events.world`), so that what is served
can be judged by what they felt and not only by what they played. Two copies of one world run side
by side from the same day on: in one the models stay as they are, in the other they are retrained.
"""

from lolomo.operations.loop.arm import Arm, Outcomes
from lolomo.operations.loop.plan import LoopPlan
from lolomo.operations.loop.run import LoopReport, run_loop

__all__ = ["Arm", "LoopPlan", "LoopReport", "Outcomes", "run_loop"]
