"""The Bento: our routes mounted in a BentoML service.

BentoML's own `/livez`, `/readyz` and `/metrics` stand before mounted routes, so ours are told
through its hooks: `/readyz` is 200 once releases are loaded and warm, and `/metrics` has our counts
beside BentoML's. Everything else, `/` and `/openapi.json` included, is ours.
"""

import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lolomo.core.settings import Settings
from lolomo.serving import telemetry
from lolomo.serving.bentos.clock import microseconds
from lolomo.serving.bentos.front import Front
from lolomo.serving.bentos.garbage import calm_garbage_collector, wake_garbage_collector
from lolomo.serving.telemetry import metrics


@contextmanager
def without_deprecations() -> Iterator[None]:
    """Keep BentoML's own use of what pathspec and pydantic deprecated off the terminal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@without_deprecations()
def page_application(load: Callable[[], Front]) -> Any:
    """Return the ASGI application of the service `page`.

    Args:
        load: Makes the front; called when the application starts.
    """
    return page_service(load).to_asgi()


@without_deprecations()
def page_service(load: Callable[[], Front], name: str = "page") -> Any:
    """Return the BentoML service of a front.

    Args:
        load: Makes the front; called once in each worker, when it starts.
        name: The service's name, and that of Bentos built of it.
    """
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="lolomo-metrics-")
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "true")
    import bentoml

    from lolomo.serving.bentos.routes import application

    fronts: list[Front] = []
    routes = telemetry.TelemetryMiddleware(application(lambda: fronts[0]))

    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        """Be no Starlette in BentoML's eyes, so that unknown paths come here as well."""
        await routes(scope, receive, send)

    class Page:
        """The page front."""

        def __init__(self) -> None:
            telemetry.start(Settings.from_environment())
            fronts[:] = [load()]

        @bentoml.on_startup  # type: ignore[untyped-decorator]
        async def warm_up(self) -> None:
            await fronts[0].open()
            calm_garbage_collector()

        @bentoml.on_shutdown  # type: ignore[untyped-decorator]
        async def finish(self) -> None:
            await fronts[0].close()
            telemetry.stop()
            wake_garbage_collector()

        async def __is_ready__(self) -> bool:
            return fronts[0].ready

        async def __metrics__(self, text: str) -> str:
            _observe(fronts[0])
            return metrics.with_own_metrics(text)

    options: dict[str, Any] = {
        "traffic": {"timeout": 60},
        "logging": {"access": {"enabled": False}},
        "tracing": {"excluded_urls": ".*"},  # ours are made by the middleware above
    }
    return bentoml.service(name=name, **options)(
        bentoml.asgi_app(mounted, path="/", name="lolomo")(Page)
    )


def _observe(front: Front) -> None:
    """Measure what is known only when it is asked for."""
    age = microseconds(front.clock.now()) - front.resources.features.counts_timestamp
    metrics.STALENESS.set(max(0.0, age / 1e6))
    metrics.FALLBACK_AGE.set(front.fallback.age_seconds)
    if front.journal is not None:
        metrics.JOURNAL_UNSYNCED.set(front.journal.unsynced_seconds)
    trials = {task: trial.challenger for task, trial in front.deployment.trials.items()}
    serving = [*front.resources.champions.items(), *trials.items()]
    metrics.show_releases({(task, release.digest[:12]) for task, release in serving})
