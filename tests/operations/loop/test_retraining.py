"""A canary proves: what is worse for those who try it is withdrawn, the rest is promoted."""

from pathlib import Path

import numpy as np
import pytest
from core.test_release import a_card

from lolomo.core.release import ReleaseStore
from lolomo.core.rollout import Canary, Rollout
from lolomo.core.settings import Workspace
from lolomo.events.world.records import user_id
from lolomo.operations.loop.retraining import conclude, rate_difference

MEMBERS = 400
VISITS = np.random.default_rng(0).poisson(2, MEMBERS).astype(float)


def test_the_difference_is_that_of_rates_and_its_interval_holds_the_truth() -> None:
    rng, tried = np.random.default_rng(1), np.arange(MEMBERS) < 200
    rewards = rng.poisson(VISITS * np.where(tried, 1.5, 1.0)).astype(float)
    found = rate_difference(rewards, VISITS, tried)
    exact = rewards[:200].sum() / VISITS[:200].sum() - rewards[200:].sum() / VISITS[200:].sum()
    assert found.mean == pytest.approx(exact)
    assert found.low < 0.5 < found.high


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "workspace")
    store = ReleaseStore(workspace.releases)
    digests = []
    for name in ("champion", "challenger"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.txt").write_text(name)
        digests.append(store.publish(tmp_path / name, a_card()).digest)
    store.pin("trending_now", digests[0])
    canary = Canary(digest=digests[1], percent=50, salt="trial")
    Rollout(store.root).set_canary("trending_now", canary)
    return workspace


@pytest.mark.parametrize(("factor", "verdict"), [(0.2, "withdrawn"), (1.0, "promoted")])
def test_a_trial_ends_with_the_better(workspace: Workspace, factor: float, verdict: str) -> None:
    rollout, store = Rollout(workspace.releases), ReleaseStore(workspace.releases)
    canary, champion = rollout.canaries()["trending_now"], store.pins()["trending_now"]
    tried = np.array([canary.takes(user_id(code)) for code in range(MEMBERS)])
    rewards = VISITS * np.where(tried, factor, 1.0)
    changes = conclude(workspace, 3, rewards, VISITS)
    assert [change.verdict for change in changes] == [verdict]
    assert rollout.canaries() == {}
    serving = store.pins()["trending_now"]
    assert serving == (champion if verdict == "withdrawn" else canary.digest)
