"""What the journal asks of an answered page, gathered from what the page was made with."""

from collections.abc import Mapping

from lolomo.serving.journal.served import Served
from lolomo.serving.releases import Serving, Trace
from lolomo.serving.steps import ComposedPage, Context, Page


def served_of(
    serving: Serving,
    context: Context,
    page: Page,
    trace: Trace,
    degraded: Mapping[str, str],
) -> Served:
    """Return an answered page as the recorder takes it."""
    resources = serving.resources
    made = page if isinstance(page, ComposedPage) else ComposedPage(rows=page.rows)
    features, user_id = resources.features, context.user.user_id
    releases = {task: champion.digest for task, champion in resources.champions.items()}
    drafted = {name: each.release for name, each in made.rankings.items() if name not in releases}
    return Served(
        context=context,
        surface=trace.surface,
        received_at=trace.received_at,
        page=page,
        proposals=trace.proposals,
        rankings=made.rankings,
        releases={**releases, **{name: digest for name, digest in drafted.items() if digest}},
        degraded=degraded,
        seconds={**trace.seconds, **made.seconds},
        turned_down=resources.turned_down.get(user_id, frozenset()),
        unfinished=resources.unfinished.get(user_id, ()),
        snapshot_version=features.version,
        snapshot_rows=features.codes,
        counts_timestamp=features.counts_timestamp,
    )
