"""Why a part of a page is missing: a closed set, so that each reason can be counted and alerted on.

`degraded` maps a part of the page (a task, a step, `features`, `front`) to a text: one of the slugs
below, or a slug, a colon and a detail for people, such as `failed: ConnectionError`. The slug is
the metric's label, the detail stays in the answer and in the journal.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a part is missing."""

    LATE = "late"
    """It did not answer within its share of the deadline."""
    FAILED = "failed"
    """It raised; the detail names the error, the log has the traceback."""
    SKIPPED = "skipped"
    """It failed so often of late that it is not asked for a moment (see `steps.breaker`)."""
    NO_RELEASE = "no-release"
    """Nothing serves the task."""
    NO_TASK = "no-task"
    """The data have no such task."""
    NO_FEATURES = "no-features"
    """Nothing is known of the user, since the store did not answer."""
    NO_POSTERIOR = "no-posterior"
    """The row is drawn by Thompson sampling, and its release does not know how sure it is: only the
    policy's own noise explores."""
    NO_CANARY = "no-canary"
    """The release on trial could not be loaded: the champion answers in its place."""
    EMPTY = "empty"
    """No row was left of the page: everybody's is shown in its place."""
    UNREADABLE = "unreadable"
    """It answered with something that is no answer."""
    UNKNOWN = "unknown"
    """A reason of another version of Lolomo, or of a step that is not ours."""

    def about(self, detail: str) -> str:
        """Return the text of this reason with a detail for people."""
        return f"{self.value}: {detail}"

    @classmethod
    def of(cls, text: str) -> "Reason":
        """Return the reason that a text of `degraded` states.

        >>> Reason.of("failed: ConnectionError")
        <Reason.FAILED: 'failed'>
        """
        slug = text.partition(":")[0]
        return cls(slug) if slug in cls._value2member_map_ else cls.UNKNOWN
