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
    PROPENSITY: Final = "propensity"

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
    HISTORY_ITEM_IDS: Final = "history_item_ids"
    """Oldest first. In arrays `[batch, length]`, padded at the front with ""."""
    HISTORY_TIMESTAMPS: Final = "history_timestamps"
    """Microseconds since 1970 UTC, 0 where padded."""
    HISTORY_KINDS: Final = "history_kinds"


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
