"""Blending: the candidates of training, unless a source has a quota."""

import numpy as np
import pytest

from lolomo.features.candidates import Proposal, merge
from lolomo.serving.steps import Context, Layout, Proposals, User, blend
from lolomo.serving.steps.blending import within_quotas
from lolomo.tasks import TOP_PICKS

SOURCES = TOP_PICKS.candidates_from
CONTEXT = Context(request_id="r", deadline_milliseconds=0, timestamp=0, user=User("ann"))


def proposal(*item_ids: str) -> Proposal:
    return Proposal(np.array(item_ids, object), np.arange(len(item_ids), 0, -1).astype(np.float32))


ANSWERS = {
    "trending_now": Proposals(proposal=proposal("a", "b", "c", "d")),
    "because_you_watched": Proposals(proposal=proposal("a", "b", "c", "e")),
    "next_play": Proposals(proposal=proposal("z", "y")),
}


def test_without_quotas_the_candidates_are_those_of_training() -> None:
    blended = blend(TOP_PICKS, ANSWERS, CONTEXT, Layout())
    trained = merge({name: each.proposal for name, each in ANSWERS.items()}, SOURCES)
    assert blended.item_ids.tolist() == trained.item_ids.tolist()
    assert blended.features.keys() == trained.features.keys()


@pytest.mark.parametrize(("quota", "kept"), [(0, "abc"), (1, "abz"), (2, "ayz")])
def test_a_quota_keeps_the_best_of_a_source_whatever_the_others_propose(
    quota: int, kept: str
) -> None:
    whole = merge({name: each.proposal for name, each in ANSWERS.items()}, SOURCES)
    places = within_quotas(whole, {"next_play": quota}, limit=3)
    assert sorted(whole.item_ids[places].tolist()) == list(kept)


def test_candidates_within_quotas_stay_in_the_blended_order() -> None:
    blended = blend(TOP_PICKS, ANSWERS, CONTEXT, Layout(quotas={"next_play": 2}))
    whole = blend(TOP_PICKS, ANSWERS, CONTEXT)
    assert blended.item_ids.tolist() == whole.item_ids.tolist()


def test_what_was_seen_is_no_candidate() -> None:
    user = User("ann", seen_item_ids=frozenset({"a", "z"}))
    context = Context(request_id="r", deadline_milliseconds=0, timestamp=0, user=user)
    assert not {"a", "z"} & set(blend(TOP_PICKS, ANSWERS, context).item_ids)
