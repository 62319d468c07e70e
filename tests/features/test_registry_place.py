"""A registry that many machines share: what one applies, another reads."""

from pathlib import Path

import pytest

from lolomo.core.errors import FeatureError
from lolomo.features.repository import YAML, Repository


def test_what_one_machine_applies_another_reads(tmp_path: Path) -> None:
    from lolomo.features.feast_import import feast

    url = f"sqlite:///{tmp_path / 'shared.db'}"
    one, other = (Repository(tmp_path / name, registry=url) for name in ("one", "other"))
    for repository in (one, other):
        repository.path.mkdir()
    one.apply([feast.Entity(name="user", join_keys=["user_id"], value_type=feast.ValueType.STRING)])
    assert [entity.name for entity in other.open().list_entities()] == ["user"]
    assert not (one.path / "registry.db").exists()


def test_a_password_is_not_written_down(tmp_path: Path) -> None:
    from lolomo.features.registry_place import without_password

    shown = without_password("postgresql+psycopg://feast:secret@host:5432/feast")
    assert shown is not None
    assert "secret" not in shown
    assert "host:5432" in shown


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (None, {"path": "registry.db", "cache_ttl_seconds": 0}),
        ("grpc://feast:6570", {"registry_type": "remote", "path": "feast:6570"}),
    ],
)
def test_a_registry_is_a_file_or_a_server(
    url: str | None, expected: dict[str, object], tmp_path: Path
) -> None:
    assert Repository(tmp_path, registry=url).options()["registry"] == expected


def test_a_path_is_no_shared_registry(tmp_path: Path) -> None:
    with pytest.raises(FeatureError, match="expected a database's URL"):
        Repository(tmp_path, registry="/mnt/registry.db").options()


def test_a_local_registry_must_have_been_applied(tmp_path: Path) -> None:
    with pytest.raises(FeatureError, match="no Feast registry"):
        Repository(tmp_path).open()
    assert YAML not in [path.name for path in tmp_path.iterdir()]
