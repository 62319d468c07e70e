from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import keras
import numpy as np
import pytest

from lolomo.core.errors import ModelError
from lolomo.training.warm_start import Table, read_state, write_state

CUT = datetime(2026, 1, 1, tzinfo=UTC)


class Small(keras.Model):  # type: ignore[misc]
    """A table of items before a matrix."""

    def __init__(self, items: Sequence[str], dim: int = 3) -> None:
        super().__init__()
        self.names = items
        self.embed = self.add_weight(shape=(len(items), dim), name="embed")
        self.project = self.add_weight(shape=(dim, 2), name="project")

    @property
    def tables(self) -> dict[str, Table]:
        return {"items": Table(self.embed, self.names)}


def restored(folder: Path, network: Small) -> Small:
    read_state(folder).restore(network, network.tables)
    return network


@pytest.fixture
def former(tmp_path: Path) -> Small:
    network = Small(["b", "d"])
    write_state(tmp_path, network, network.tables, CUT)
    return network


def test_known_rows_are_found_again_wherever_they_are_now(former: Small, tmp_path: Path) -> None:
    network = restored(tmp_path, Small(["a", "b", "c", "d"]))
    np.testing.assert_array_equal(network.embed.numpy()[[1, 3]], former.embed.numpy())
    np.testing.assert_array_equal(network.project.numpy(), former.project.numpy())


def test_a_new_row_begins_near_the_mean_of_the_known(former: Small, tmp_path: Path) -> None:
    fresh = Small(["a", "b", "d"])
    made = fresh.embed.numpy()[0]
    row = restored(tmp_path, fresh).embed.numpy()[0]
    np.testing.assert_allclose(row, made + former.embed.numpy().mean(axis=0), rtol=1e-6)


def test_rows_that_are_gone_are_dropped(former: Small, tmp_path: Path) -> None:
    network = restored(tmp_path, Small(["d"]))
    np.testing.assert_array_equal(network.embed.numpy()[0], former.embed.numpy()[1])


def test_the_state_says_until_when_was_learned(former: Small, tmp_path: Path) -> None:
    assert read_state(tmp_path).cut == CUT


def test_a_network_of_another_shape_is_refused(former: Small, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="leave its config as it is"):
        restored(tmp_path, Small(["b"], dim=4))


def test_a_release_without_state_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nothing to go on from"):
        read_state(tmp_path)
