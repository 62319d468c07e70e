from pathlib import Path

import pytest

from lolomo.core.errors import ReleaseError
from lolomo.core.release import CARD, Card, Release, ReleaseStore


def a_card(**changes: object) -> Card:
    values = {
        "task": "next_play",
        "model": "ease",
        "runtime": "tensorflow",
        "method": "retrieve",
        "inputs": ("history_item_ids",),
        "config": {"regularisation": 1.0},
        "data_window": ("2013-02-28T00:00:00+00:00", "2013-09-01T00:00:00+00:00"),
        "data_fingerprint": "abc",
        "feature_service": "next_play@v1#abc",
        "reward": "interaction@v1",
        "metrics": {"test": {"ndcg@10": 0.1}},
        "gate": {},
        "code_version": "0.1.0",
    }
    return Card(**{**values, **changes})  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> ReleaseStore:
    return ReleaseStore(tmp_path / "releases")


@pytest.fixture
def release(store: ReleaseStore, tmp_path: Path) -> Release:
    files = tmp_path / "files"
    (files / "nested").mkdir(parents=True)
    (files / "model.txt").write_text("weights")
    (files / "nested" / "items.txt").write_text("0110912\n")
    return store.publish(files, a_card())


def test_a_published_release_opens_with_every_file_checked(
    store: ReleaseStore, release: Release
) -> None:
    opened = store.open(release.digest)
    assert opened.card == release.card
    assert set(opened.card.files) == {"model.txt", "nested/items.txt"}


def test_publishing_the_same_content_twice_is_one_release(
    store: ReleaseStore, release: Release, tmp_path: Path
) -> None:
    assert store.publish(tmp_path / "files", a_card()).digest == release.digest


def test_another_figure_makes_another_release(
    store: ReleaseStore, release: Release, tmp_path: Path
) -> None:
    other = store.publish(tmp_path / "files", a_card(metrics={"test": {"ndcg@10": 0.2}}))
    assert other.digest != release.digest


@pytest.mark.parametrize("damage", ["changed", "missing", "added"])
def test_a_release_whose_files_differ_from_its_card_is_refused(
    store: ReleaseStore, release: Release, damage: str
) -> None:
    model = release.path / "model.txt"
    match damage:
        case "changed":
            model.write_text("other weights")
        case "missing":
            model.unlink()
        case _:
            (release.path / "extra.txt").write_text("x")
    with pytest.raises(ReleaseError, match="does not match its card"):
        store.open(release.digest)


def test_an_edited_card_is_refused(store: ReleaseStore, release: Release) -> None:
    card = release.path / CARD
    card.write_text(card.read_text().replace("0.1", "0.9", 1))
    with pytest.raises(ReleaseError, match="it was edited"):
        store.open(release.digest)


@pytest.mark.parametrize("text", ["", "[]", '{"task": "next_play"}', '{"pickle": true}'])
def test_what_is_no_card_is_refused_by_name(text: str) -> None:
    with pytest.raises(ReleaseError, match="card"):
        Card.from_json(text)


def test_a_missing_release_says_what_was_expected(store: ReleaseStore) -> None:
    with pytest.raises(ReleaseError, match=r"expected a folder with card\.json"):
        store.open("0" * 64)


def test_pins_start_empty_and_keep_one_release_a_task(store: ReleaseStore) -> None:
    assert store.pins() == {}
    store.pin("next_play", "a")
    store.pin("top_picks", "b")
    store.pin("next_play", "c")
    assert store.pins() == {"next_play": "c", "top_picks": "b"}
