"""The Feast repository: entities, sources, views and services, all derived.

Views follow from the feature groups, one FeatureService a task from `Task.features`; nothing is
listed twice. Any Feast client that opens `feature_store.yaml` sees the same catalogue.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from feast import (
    Entity,
    FeatureService,
    FeatureView,
    Field,
    FileSource,
    OnDemandFeatureView,
    RequestSource,
    ValueType,
)
from feast.types import Array, FeastType, Float64, Int64, String

from lolomo.core.columns import Columns
from lolomo.core.task import Task
from lolomo.features.group import ENTITY_IDS, DType, FeatureGroup
from lolomo.features.services import service_hash, service_name
from lolomo.features.tables import CREATED
from lolomo.features.transforms import all_groups, groups_of

TYPES: Mapping[DType, FeastType] = {
    "number": Float64,
    "instant": Int64,
    "category": String,
    "categories": Array(String),
    "text": String,
    "ids": Array(String),
    "kinds": Array(String),
    "timestamps": Array(Int64),
}

REQUEST_TIMESTAMP = "request_timestamp"
"""When the request is made, in microseconds since 1970 UTC."""

REQUEST = RequestSource(
    name="request",
    description="What a request says of itself.",
    schema=[
        Field(name=REQUEST_TIMESTAMP, dtype=Int64),
        *(
            Field(name=f"request_{name}", dtype=String)
            for name in (Columns.DEVICE, Columns.COUNTRY, Columns.TEXT)
        ),
    ],
)

ENTITIES = {
    name: Entity(
        name=name,
        join_keys=[id_column],
        value_type=ValueType.STRING,
        description=f"One {name}, known by its text id.",
        owner="lolomo",
    )
    for name, id_column in ENTITY_IDS.items()
}


def repository(groups: Iterable[FeatureGroup], tasks: Iterable[Task]) -> list[Any]:
    """Return every Feast object, ready for `FeatureStore.apply`."""
    views: dict[str, Any] = {}
    for group in groups:
        if group.stored:
            views[group.name] = feature_view(group)
        if group.derived:
            views[group.derived_view] = on_demand_view(group, views.get(group.name))
    services = [feature_service(task, views) for task in tasks]
    return [*ENTITIES.values(), REQUEST, *views.values(), *services]


def feature_view(group: FeatureGroup) -> FeatureView:
    """Return the view of a group's change table."""
    source = FileSource(
        name=f"{group.name}_changes",
        path=f"tables/{group.name}.parquet",
        timestamp_field=Columns.TIMESTAMP,
        created_timestamp_column=CREATED,
        description=f"Change table of {group.name}.",
        owner=group.owner,
    )
    return FeatureView(
        name=group.name,
        entities=[ENTITIES[group.entity]],
        ttl=group.ttl,
        schema=[
            Field(name=group.id_column, dtype=String),
            *(
                Field(name=item.name, dtype=TYPES[item.dtype], description=item.description)
                for item in group.stored
            ),
        ],
        source=source,
        description=group.description,
        tags=_tags(group),
        owner=group.owner,
    )


def on_demand_view(group: FeatureGroup, stored: FeatureView | None) -> OnDemandFeatureView:
    """Return the view of a group's derived features, computed at the query's time.

    Its fields have no descriptions, for Feast 0.67 would not recognise them after inference; the
    view's own description holds them.
    """
    sources: list[Any] = [REQUEST]
    if stored is not None and group.derive_inputs:
        sources.append(stored[list(group.derive_inputs)])
    name, view_name = group.name, group.derived_view

    def derive(inputs: dict[str, Any]) -> dict[str, Any]:
        from lolomo.features.definitions import derived_lists

        return derived_lists(name, inputs)

    return OnDemandFeatureView(
        name=view_name,
        sources=sources,
        schema=[
            Field(name=item.feature.name, dtype=TYPES[item.feature.dtype]) for item in group.derived
        ],
        mode="python",
        udf=derive,
        udf_string=(
            "def derive(inputs):\n"
            "    from lolomo.features.definitions import derived_lists\n\n"
            f"    return derived_lists({name!r}, inputs)\n"
        ),
        description=f"{group.description} At the time of the query: "
        + " ".join(f"{item.feature.name}: {item.feature.description}" for item in group.derived),
        tags=_tags(group),
        owner=group.owner,
    )


def derived_lists(group: str, inputs: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Compute a group's derived features for Feast, which passes and expects lists.

    Args:
        group: Name of the feature group.
        inputs: Stored values and the request's, each of one length; None where missing.
    """
    found = all_groups()[group]
    timestamp = np.array(inputs[REQUEST_TIMESTAMP], dtype=np.int64)
    if found.entity == "context":
        stored = {name: np.array(inputs[f"request_{name}"], object) for name in found.derive_inputs}
    else:
        stored = {name: np.array(inputs[name], np.float64) for name in found.derive_inputs}
    values = found.derive([item.feature.name for item in found.derived], stored, timestamp)
    return {
        name: [None if value != value else value for value in array.tolist()]
        for name, array in values.items()
    }


def feature_service(task: Task, views: Mapping[str, Any]) -> FeatureService:
    """Return the service that is a task's training and serving contract."""
    projections = []
    for group, features in groups_of(task.features).values():
        stored = {item.name for item in group.features}
        names = [item.name for item in features]
        parts = (
            (group.name, [name for name in names if name in stored]),
            (group.derived_view, [name for name in names if name not in stored]),
        )
        projections += [views[view][part] for view, part in parts if part]
    return FeatureService(
        name=service_name(task),
        features=projections,
        description=task.question,
        tags={"task": task.name, "version": str(task.version), "hash": service_hash(task)},
        owner="lolomo",
    )


def _tags(group: FeatureGroup) -> dict[str, str]:
    return {**group.tags, "version": str(group.version)}
