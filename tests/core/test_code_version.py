from collections.abc import Iterator
from pathlib import Path

import pytest

from lolomo.core.code_version import ROOMS, code_version, sources_of
from lolomo.training.models import all_models

TRAIN = "lolomo.training.pipelines.train"
SHOP = {
    "shop/__init__.py": "from shop.apples import Apple\nfrom shop.pears import Pear\n",
    "shop/fruit.py": "class Fruit: ...\n",
    "shop/apples.py": "from .fruit import Fruit\nclass Apple(Fruit): ...\n",
    "shop/pears.py": "class Pear: ...\n",
    "shop/basket.py": "def fill():\n    from shop import Apple\n    return Apple()\n",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a package whose basket holds an apple and no pear."""
    root = tmp_path_factory.mktemp("packages")
    (root / "shop").mkdir()
    for name, text in SHOP.items():
        (root / name).write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(root)
        yield root / "shop"


def test_imports_are_followed_to_where_names_are_defined(shop: Path) -> None:
    assert sorted(sources_of("shop.basket")) == ["shop.apples", "shop.basket", "shop.fruit"]


@pytest.mark.parametrize(
    ("edited", "differs"), [("fruit", True), ("apples", True), ("pears", False)]
)
def test_a_version_differs_when_what_is_reached_was_edited(
    shop: Path, edited: str, differs: bool
) -> None:
    code_version.cache_clear()
    before = code_version("shop.basket")
    with (shop / f"{edited}.py").open("a") as file:
        file.write("# edited\n")
    code_version.cache_clear()
    assert (code_version("shop.basket") != before) == differs


@pytest.mark.parametrize("model", all_models().values(), ids=lambda model: model.name)
def test_a_fit_depends_on_no_model_that_its_own_does_not_import(model: type) -> None:
    reached = sources_of(TRAIN, model.__module__).keys()
    models = {other.__module__ for other in all_models().values()}
    assert model.__module__ in reached
    assert reached & models == sources_of(model.__module__).keys() & models


def test_the_step_that_trains_depends_on_no_model() -> None:
    assert not sources_of(TRAIN).keys() & {model.__module__ for model in all_models().values()}


def test_a_fit_depends_on_the_layers_and_the_loop_of_its_model() -> None:
    assert "lolomo.training.loop" in sources_of(TRAIN, "lolomo.training.models.deep_ranker")
    assert "lolomo.training.loop" not in sources_of(TRAIN, "lolomo.training.models.ease")


@pytest.mark.parametrize("step", ["prepare", "train"])
def test_how_models_are_judged_decides_nothing_that_is_learned(step: str) -> None:
    reached = sources_of(f"lolomo.training.pipelines.{step}")
    judging = {"evaluation.metrics", "evaluation.judging", "evaluation.bootstrap"}
    assert not reached.keys() & {f"lolomo.{name}" for name in judging}
    assert "lolomo.evaluation.folds" in reached


def test_the_version_of_everything_is_none_of_a_part() -> None:
    assert set(ROOMS) >= {"features", "training"}
    assert code_version() != code_version(TRAIN)
