"""Writes `golden_obp.json`: a small made-up log, and what the obp library estimates from it.

    python -m venv scratch && scratch/bin/pip install --no-deps obp==0.4.1
    scratch/bin/pip install numpy scikit-learn
    scratch/bin/python tests/evaluation/off_policy/make_golden_values.py

Lolomo needs neither obp nor PyTorch, and nor does this: obp's two modules of estimators are loaded
without the rest of it, and work on arrays alone.
"""

import importlib
import importlib.metadata
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

TARGET = Path(__file__).with_name("golden_obp.json")
NUM_DECISIONS, NUM_ACTIONS, NUM_SLATES, K = 60, 5, 40, 3
SHRINKAGE, THRESHOLD = 3.0, 1.5


def obp_module(name: str) -> Any:
    """Import a module of obp without running its packages, which import far more than it needs."""
    distribution = importlib.metadata.distribution("obp")
    torch = ModuleType("torch")
    torch.Tensor = type("Tensor", (), {})  # type: ignore[attr-defined]
    torch.from_numpy = None  # type: ignore[attr-defined]
    sys.modules.setdefault("torch", torch)
    for package in ("obp", "obp.ope"):
        module = sys.modules.setdefault(package, ModuleType(package))
        module.__path__ = [str(distribution.locate_file(package.replace(".", "/")))]
    return importlib.import_module(name)


def decisions(rng: np.random.Generator) -> SimpleNamespace:
    logging, target = (rng.dirichlet(np.full(NUM_ACTIONS, a), NUM_DECISIONS) for a in (2.0, 0.7))
    actions = np.array([rng.choice(NUM_ACTIONS, p=row) for row in logging])
    return SimpleNamespace(
        rewards=rng.normal(1.0, 0.5, NUM_DECISIONS),
        actions=actions,
        propensities=logging[np.arange(NUM_DECISIONS), actions],
        target=target,
        model=rng.normal(0.9, 0.3, (NUM_DECISIONS, NUM_ACTIONS)),
    )


def slates(rng: np.random.Generator) -> SimpleNamespace:
    return SimpleNamespace(
        rewards=rng.random((NUM_SLATES, K)),
        propensities=rng.uniform(0.2, 0.9, (NUM_SLATES, K)),
        target_propensities=rng.uniform(0.1, 0.9, (NUM_SLATES, K)),
    )


def decision_values(log: SimpleNamespace) -> dict[str, float]:
    obp = obp_module("obp.ope.estimators")
    arguments = {
        "reward": log.rewards,
        "action": log.actions,
        "pscore": log.propensities,
        "action_dist": log.target[:, :, None],
        "position": np.zeros(NUM_DECISIONS, int),
        "estimated_rewards_by_reg_model": log.model[:, :, None],
    }
    estimators = {
        "ips": obp.InverseProbabilityWeighting(),
        "snips": obp.SelfNormalizedInverseProbabilityWeighting(),
        "dm": obp.DirectMethod(),
        "dr": obp.DoublyRobust(),
        "dr-shrinkage": obp.DoublyRobustWithShrinkage(lambda_=SHRINKAGE),
        "switch-dr": obp.SwitchDoublyRobust(tau=THRESHOLD),
    }
    return {
        name: float(np.mean(estimator._estimate_round_rewards(**arguments)))
        for name, estimator in estimators.items()
    }


def slate_values(log: SimpleNamespace) -> dict[str, float]:
    obp = obp_module("obp.ope.estimators_slate")
    logged, target = log.propensities, log.target_propensities
    common = {
        "slate_id": np.repeat(np.arange(NUM_SLATES), K),
        "position": np.tile(np.arange(K), NUM_SLATES),
        "reward": log.rewards.reshape(-1),
    }
    joint = [np.repeat(p.prod(axis=1), K) for p in (logged, target)]
    cascade = [np.cumprod(p, axis=1).reshape(-1) for p in (logged, target)]
    alone = [p.reshape(-1) for p in (logged, target)]
    return {
        "slate-ips": obp.SlateStandardIPS(len_list=K).estimate_policy_value(
            **common, pscore=joint[0], evaluation_policy_pscore=joint[1]
        ),
        "rips": obp.SlateRewardInteractionIPS(len_list=K).estimate_policy_value(
            **common, pscore_cascade=cascade[0], evaluation_policy_pscore_cascade=cascade[1]
        ),
        "independent-ips": obp.SlateIndependentIPS(len_list=K).estimate_policy_value(
            **common,
            pscore_item_position=alone[0],
            evaluation_policy_pscore_item_position=alone[1],
        ),
    }


def main() -> None:
    rng = np.random.default_rng(20260101)
    single, lists = decisions(rng), slates(rng)
    golden = {
        "made_by": "obp==0.4.1, tests/evaluation/off_policy/make_golden_values.py",
        "settings": {"shrinkage": SHRINKAGE, "threshold": THRESHOLD},
        "decisions": {name: values.tolist() for name, values in vars(single).items()},
        "decision_values": decision_values(single),
        "slates": {name: values.tolist() for name, values in vars(lists).items()},
        "slate_values": {name: float(value) for name, value in slate_values(lists).items()},
    }
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(part)}" for name, part in golden.items())
    TARGET.write_text(f"{{\n{lines}\n}}\n")


if __name__ == "__main__":
    main()
