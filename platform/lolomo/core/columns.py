"""The one place where columns and model inputs are named."""

from typing import Final


class Columns:
    """Names of the columns of the canonical tables, and of what is derived from them."""

    EVENT_ID: Final = "event_id"
    USER_ID: Final = "user_id"
    ITEM_ID: Final = "item_id"
    KIND: Final = "kind"
    VALUE: Final = "value"
    TIMESTAMP: Final = "timestamp"
    SESSION_ID: Final = "session_id"
    REQUEST_ID: Final = "request_id"
    DEVICE: Final = "device"
    COUNTRY: Final = "country"
    SURFACE: Final = "surface"
    ROW: Final = "row"
    POSITION: Final = "position"
    PROPENSITY_ERROR: Final = "propensity_error"
    """Standard error of a propensity that its policy can only estimate."""
    TEAM: Final = "team"
    """In an interleaved row, the arm whose release picked the item."""
    PROPENSITY: Final = "propensity"
    PROGRESS: Final = "progress"
    """How far into the item its user was after the event: from 0, its start, to 1, its end."""

    EVIDENCE: Final = "evidence"
    """With which pitch or artwork the item was shown."""
    EVIDENCE_PROPENSITY: Final = "evidence_propensity"
    """P(evidence | item, context) of the policy that chose it."""

    TITLE: Final = "title"
    GENRES: Final = "genres"
    RELEASE_YEAR: Final = "release_year"
    DURATION_SECONDS: Final = "duration_seconds"

    AGE: Final = "age"
    GENDER: Final = "gender"
    OCCUPATION: Final = "occupation"

    QUERY_ID: Final = "query_id"
    SEED_ITEM_ID: Final = "seed_item_id"
    TARGETS: Final = "targets"
    """Item ids that answer a query, a list."""
    GAINS: Final = "gains"
    """What each target is worth, a list as long as the targets."""
    CANDIDATES: Final = "candidates"
    TEXT: Final = "text"
    """What was typed into the search box, as typed; "" before anything is."""
    QUERY_KIND: Final = "query_kind"
    """How a search query was made: a value of `QueryKind`."""
    HISTORY_ITEM_IDS: Final = "history_item_ids"
    """Oldest first. In arrays `[batch, length]`, padded at the front with ""."""
    HISTORY_TIMESTAMPS: Final = "history_timestamps"
    """Microseconds since 1970 UTC, 0 where padded."""
    HISTORY_KINDS: Final = "history_kinds"
    COUNTS_TIMESTAMP: Final = "counts_timestamp"
    """As of when stored item features, such as counts, are: microseconds since 1970 UTC."""
    REWARDS: Final = "rewards"
    """How much each target pleased, 0 to 1, a list as long as the targets."""


class QueryKind:
    """How a query of a search task was made: the values of `Columns.QUERY_KIND`.

    No dataset here holds what members typed, so text is made up from titles, and is called so.
    """

    PREFIX: Final = "synthetic prefix"
    """The first characters of the target's title, or of it from one of its words on."""
    TYPO: Final = "synthetic typo"
    """A longer such prefix with one slip of the finger in it."""
    PRE_QUERY: Final = "pre-query"
    """Nothing is typed yet: what the user watches next, as it was."""

    ALL: Final = (PREFIX, TYPO, PRE_QUERY)


class Kind:
    """What a user did: the values of `Columns.KIND`."""

    IMPRESSION: Final = "impression"
    PLAY: Final = "play"
    COMPLETE: Final = "complete"
    RATE: Final = "rate"
    THUMB: Final = "thumb"
    SEARCH: Final = "search"
    LIST: Final = "list"

    ALL: Final = (IMPRESSION, PLAY, COMPLETE, RATE, THUMB, SEARCH, LIST)
    INTERACTIONS: Final = (PLAY, COMPLETE, RATE)
    """The kinds that say a user watched an item."""
