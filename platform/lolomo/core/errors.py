"""Every error that Lolomo raises on purpose.

A message says what was received, what was expected and how to fix it, and the command line prints
it without a traceback. Anything else that escapes is a bug, and is shown as one.
"""


class LolomoError(Exception):
    """The root: caught at process boundaries only."""


class SettingsError(LolomoError):
    """A setting, an option or a configuration field cannot be used as given."""


class DataError(LolomoError):
    """A data source cannot be read at all; single bad rows are quarantined instead."""


class FeatureError(LolomoError):
    """A feature is unknown, or was asked for before it was applied or materialised."""


class ModelError(LolomoError):
    """A model was given data or a configuration that it cannot use."""


class ReleaseError(LolomoError):
    """A release is missing, incomplete, or its files differ from its card."""


class GraphError(LolomoError):
    """An inference graph is malformed, or would be on a cluster."""


class PolicyError(LolomoError):
    """A policy was given scores or a ranking that no list can be drawn from."""


class RequestError(LolomoError):
    """A request cannot be understood: the caller's fault, answered with a 4xx."""
