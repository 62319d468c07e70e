"""What all models of the next item share: their config, how they fit, and how they export.

A model of this family says what its body is; input layer, output, loss and training are the same
(see `layers.next_item_network`), so that what differs between two results is the body. What a
model is told is its rung of the case study's ladder, `inputs`.

With the *popularity prior* a model ranks: it reads the counts of all candidates and how often they
were watched close to the history's latest plays, as fresh as both are, and adds them to the
network's scores as `calibration` found best. Without it, it retrieves from the history alone.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from lolomo.core.errors import ModelError
from lolomo.training.models.calibration import Questions, calibrated
from lolomo.training.models.data import TrainingData
from lolomo.training.models.model import Export, Method, Model, Role
from lolomo.training.models.next_item_config import NextItemConfig
from lolomo.training.models.next_item_examples import NextItemEvents, next_item_examples
from lolomo.training.models.next_item_export import NextItemQueries, export_next_item
from lolomo.training.models.next_item_parts import network_parts
from lolomo.training.models.next_item_tables import next_item_tables
from lolomo.training.models.query_context import QueryContext
from lolomo.training.models.space import Choice, Range, Space
from lolomo.training.warm_start import State, read_state, write_state

if TYPE_CHECKING:
    import keras

    from lolomo.training.layers.next_item_network import NextItemNetwork
    from lolomo.training.loop import LoopConfig

CALIBRATION_SHARE = 0.6
"""Of the progress that is told, so much is for calibration, if there is any."""
NextItemConfigT = TypeVar("NextItemConfigT", bound=NextItemConfig)


class NextItemModel(Model[NextItemConfigT]):
    """Predicts what each user watches next, at any moment, by a body of the subclass."""

    roles: ClassVar[Mapping[str, Role]] = {"next_play": Role.ALTERNATIVE}
    method: ClassVar[Method] = "rank"
    wants_gpu: ClassVar[bool] = True
    continues: ClassVar[bool] = True
    space: ClassVar[Mapping[str, Space]] = {
        "learning_rate": Range(5e-4, 1e-2, log=True),
        "embedding_dim": Choice((32, 64, 96, 128)),
        "dropout": Range(0.0, 0.6),
        "epochs": Range(4, 20),
        "event_half_life_days": Choice((0.0, 15.0, 30.0, 60.0)),
        "num_negatives": Choice((128, 512, 2048)),
    }

    _queries: NextItemQueries
    _cut: datetime
    _network: "NextItemNetwork | None" = None

    @abstractmethod
    def body(self, length: int, timed: bool) -> "keras.layers.Layer":
        """Return a new body, as `NextItemNetwork` expects one.

        Args:
            length: The longest sequence.
            timed: Whether gaps are told.
        """

    @override
    def fit(self, data: TrainingData, rng: np.random.Generator) -> None:
        from lolomo.training.layers.next_item_network import NextItemNetwork
        from lolomo.training.loop import train

        config = self.config
        items = data.item_ids()
        context = QueryContext.of(data) if config.reads_context else QueryContext.none(data)
        events = NextItemEvents.of(data, items, with_kinds=config.reads_context)
        state = self._former(data)
        earlier = None if state else self._earlier(data)
        since = int(state.cut.timestamp() * 1_000_000) if state else None
        examples = next_item_examples(config, events, context.codes, rng, since)
        seed = int(rng.integers(2**31))
        queries = NextItemQueries(config, items, data.features, events.kind_names, context)
        first: list[NDArray[Any]] | None = None
        self._queries, self._cut = queries, data.cut

        def build() -> "NextItemNetwork":
            parts = network_parts(config, data, events, context, seed)
            body = self.body(config.history_length + 1, config.timed)
            network = NextItemNetwork(body, parts)
            network.build()
            if learned := state or earlier:
                learned.restore(network, next_item_tables(network, queries))
            if first is not None:
                network.set_weights(first)
            return network

        if config.popularity_prior and state is None:
            made = _Made(config, data, events, context.codes, seed)
            first = (
                self._calibrated(build, made)
                if earlier is None
                else (_weighed(build(), made.since(earlier.cut), np.random.default_rng(seed)))
            )
            data = _stage(data, "final", 0.0 if earlier else CALIBRATION_SHARE, 1.0)
        loop = self._loop(goes_on=first is not None or state is not None)
        self._network = train(
            build, examples, loop, seed, folder=data.scratch, progress=data.progress
        )

    def _calibrated(
        self, build: "Callable[[], NextItemNetwork]", made: "_Made"
    ) -> list[NDArray[Any]]:
        """Fit a network without the last events, and learn from them what else weighs.

        A fit that was killed later finds the weights of both in its scratch folder.
        """
        from lolomo.training.loop import train

        data = made.data
        kept = data.scratch and data.scratch / "calibrated.npz"
        if kept and kept.is_file():
            with np.load(kept, allow_pickle=False) as arrays:
                return list(arrays.values())
        made = made.holding_back(self.config.calibration_share)
        rng = np.random.default_rng(made.seed)
        examples = next_item_examples(made.config, made.events, made.context, rng)
        loop = self._loop(goes_on=False)
        loop = replace(loop, epochs=max(loop.epochs - made.config.continue_epochs, 1))
        first = _stage(data, "calibration", 0.0, CALIBRATION_SHARE)
        network = train(
            build, examples, loop, made.seed, folder=first.scratch, progress=first.progress
        )
        weights = _weighed(network, made, rng)
        if kept:
            np.savez(kept, *weights, allow_pickle=False)
        return weights

    @override
    def export(self, path: Path) -> Export:
        if self._network is None:
            raise self.not_fitted()
        tables = next_item_tables(self._network, self._queries)
        write_state(path, self._network, tables, self._cut)
        return export_next_item(path, self._network, self._queries)

    def _earlier(self, data: TrainingData) -> State | None:
        """Return the fit before the window that ends at the cut, to go on from, if there is one."""
        config = self.config
        if not (config.from_earlier_cut and config.popularity_prior and data.earlier):
            return None
        fitted = data.earlier()
        return read_state(fitted.files) if fitted else None

    def _former(self, data: TrainingData) -> State | None:
        """Return what to go on from, if anything."""
        if data.continue_from is None:
            return None
        if self.config.time == "absolute":
            raise ModelError(
                "received inputs 'absolute_time' and a release to go on from: the raw timestamp is "
                "scaled by the data of one fit; train anew, or choose 'continuous_time'"
            )
        return read_state(data.continue_from)

    def _loop(self, goes_on: bool) -> "LoopConfig":
        from lolomo.training.loop import LoopConfig

        config = self.config
        return LoopConfig(
            epochs=config.continue_epochs if goes_on else config.epochs,
            learning_rate=config.continue_learning_rate if goes_on else config.learning_rate,
            weight_decay=config.weight_decay,
            patience=config.patience if config.held_back else 0,
            mixed_precision=config.mixed_precision,
            xla=config.xla,
        )


@dataclass(frozen=True, slots=True)
class _Made:
    """What a network is fitted and calibrated with."""

    config: NextItemConfig
    data: TrainingData
    events: NextItemEvents
    context: NDArray[np.int32]
    seed: int

    def holding_back(self, share: float) -> "_Made":
        """Return the same with the last fraction of the events held back for calibration."""
        return replace(self, config=replace(self.config, held_back=share, patience=0))

    def since(self, cut: datetime) -> "_Made":
        """Return the same with all events since an earlier cut held back."""
        is_later = self.events.timestamps >= int(cut.timestamp() * 1_000_000)
        return self.holding_back(max(float(is_later.mean()), 1 / len(is_later)))


def _weighed(
    network: "NextItemNetwork", made: _Made, rng: np.random.Generator
) -> list[NDArray[Any]]:
    """Return a network's weights once it is calibrated on the events that it has not seen."""
    questions = Questions.of(made.config, made.events, made.context, rng)
    blend = calibrated(network, questions, made.events, made.data, rng)
    network.blend.blend_weights.assign(blend)
    weights: list[NDArray[Any]] = network.get_weights()
    return weights


def _stage(data: TrainingData, name: str, start: float, end: float) -> TrainingData:
    """Return the data for a part of a fit, with its own folder and its share of the progress."""

    def progress(fraction: float, note: str) -> None:
        data.progress(start + (end - start) * fraction, note)

    return replace(data, scratch=data.scratch and data.scratch / name, progress=progress)
