"""Loading releases and asking them, whatever the runtime."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from lolomo.core.columns import Columns
from lolomo.core.errors import LolomoError, ReleaseError, RequestError
from lolomo.core.recommender import Query, Ranker, Retriever
from lolomo.runtimes import limit_threads, load_files, warm_up

HISTORY = {Columns.HISTORY_ITEM_IDS: np.array([["", "b"]], dtype=object)}


@pytest.fixture(scope="module")
def retriever_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import tensorflow as tf

    from lolomo.training.models.export import HISTORY_INDICES, export_retriever

    path = tmp_path_factory.mktemp("retriever")
    items = np.array(["a", "b", "é", "00d"], dtype=object)
    values = tf.Variable([0.0, 3.0, 2.0, 1.0])

    def scores(query: Query) -> Any:
        return tf.cast(query[HISTORY_INDICES][:, -1:], tf.float32) + values[None]

    export_retriever(path, items, 3, scores, [Columns.HISTORY_ITEM_IDS], [values])
    return path


@pytest.fixture(scope="module")
def retriever(retriever_files: Path) -> Retriever:
    loaded = load_files(retriever_files, "tensorflow", "retrieve", [Columns.HISTORY_ITEM_IDS])
    return cast("Retriever", loaded)


def test_ids_are_text_on_both_sides(retriever: Retriever) -> None:
    ids, scores = retriever.retrieve(HISTORY, 3)
    assert ids.tolist() == [["é", "00d", "a"]]
    assert scores.tolist() == [[4.0, 3.0, 2.0]]
    assert retriever.items.tolist() == ["a", "b", "é", "00d"]


def test_a_history_is_masked_in_full_though_only_its_end_is_scored(
    retriever: Retriever,
) -> None:
    history = np.array([["a", "é", "00d", "", "", ""]], dtype=object)
    ids, _ = retriever.retrieve({Columns.HISTORY_ITEM_IDS: history}, 2)
    assert ids.tolist() == [["b", ""]]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({}, "lacks"),
        ({Columns.HISTORY_ITEM_IDS: np.array(["a"], dtype=object)}, "2 axes"),
    ],
)
def test_a_query_of_the_wrong_form_is_the_callers_fault(
    retriever: Retriever, query: Query, message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        retriever.scores(query)


@pytest.mark.parametrize(
    ("runtime", "method", "message"),
    [
        ("onnx", "rank", "expected one of"),
        ("tensorflow", "retrieve", "no SavedModel"),
        ("tensorflow", "sort", "expected 'retrieve' or 'rank'"),
        ("lightgbm", "rank", "lacks"),
        ("lightgbm", "retrieve", "expected 'rank'"),
    ],
)
def test_what_cannot_be_loaded_is_refused_with_the_reason(
    runtime: str, method: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ReleaseError, match=message):
        load_files(tmp_path, runtime, method, ())


def test_a_missing_signature_is_refused_by_name(retriever_files: Path) -> None:
    with pytest.raises(ReleaseError, match="rank"):
        load_files(retriever_files, "tensorflow", "rank", ())


def test_a_warmed_up_recommender_answers(retriever: Retriever) -> None:
    warm_up(retriever, candidates=5, history_length=4)
    assert isinstance(retriever, Retriever)
    assert not isinstance(retriever, Ranker)


def test_an_unusable_vocabulary_is_refused(tmp_path: Path) -> None:
    from lolomo.training.models.export import export_retriever

    with pytest.raises(LolomoError, match="unusable"):
        export_retriever(tmp_path, np.array(["a", ""], dtype=object), 3, lambda query: query, [])


def test_limited_threads_are_one_each() -> None:
    code = (
        "from lolomo.runtimes import limit_threads; import tensorflow as tf; limit_threads();"
        "threading = tf.config.threading; print(threading.get_intra_op_parallelism_threads(),"
        "threading.get_inter_op_parallelism_threads())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "1"]


def test_limiting_threads_too_late_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(num_threads: int) -> None:
        raise RuntimeError("Intra op parallelism cannot be modified after initialization.")

    threading = SimpleNamespace(set_intra_op_parallelism_threads=refuse)
    started = SimpleNamespace(config=SimpleNamespace(threading=threading))
    monkeypatch.setitem(sys.modules, "tensorflow", started)
    for pool in ("INTRA", "INTER"):
        monkeypatch.setenv(f"TF_NUM_{pool}OP_THREADS", "0")
    limit_threads.cache_clear()
    with pytest.raises(ReleaseError, match="start of the process"):
        limit_threads()
