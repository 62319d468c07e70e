from pathlib import Path

import pytest

from lolomo.core.files import directory_written_whole, write_atomically


def test_a_folder_appears_only_when_its_block_ends_well(tmp_path: Path) -> None:
    target = tmp_path / "whole"
    with pytest.raises(FileNotFoundError), directory_written_whole(target) as staging:
        (staging / "half" / "absent").write_text("x")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_rewrite_leaves_the_old_folder(tmp_path: Path) -> None:
    target = tmp_path / "whole"
    with directory_written_whole(target) as staging:
        (staging / "old").write_text("x")
    with pytest.raises(RuntimeError), directory_written_whole(target):
        raise RuntimeError
    assert [path.name for path in target.iterdir()] == ["old"]


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "whole"
    for name in ("old", "new"):
        with directory_written_whole(target) as staging:
            (staging / name).write_text("x")
    assert [path.name for path in target.iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]


def test_a_file_is_written_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    write_atomically(tmp_path / "deep" / "file", "one")
    write_atomically(tmp_path / "deep" / "file", "two")
    assert (tmp_path / "deep" / "file").read_text() == "two"
    assert len(list((tmp_path / "deep").iterdir())) == 1
