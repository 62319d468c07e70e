"""Files from elsewhere: fetched to a temporary name, checked by sha256, then moved into place.

An interrupted or altered download is therefore never seen as a file at all.
"""

import http.client
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Mapping
from pathlib import Path

from lolomo.core.errors import DataError
from lolomo.core.files import sha256_of, write_atomically
from lolomo.core.progress import Progress, silent

TIMEOUT_SECONDS = 30
PIP_TIMEOUT_SECONDS = 300
CHUNK_BYTES = 1 << 18


def verify(path: Path, sha256: str, advice: str) -> None:
    """Check a file's content.

    Raises:
        DataError: If it is missing or not the one expected.
    """
    if not path.is_file():
        raise DataError(f"no file at {path}; expected one of sha256 {sha256[:12]}…: {advice}")
    found = sha256_of(path)
    if found != sha256:
        raise DataError(
            f"{path} has sha256 {found[:12]}…; expected {sha256[:12]}…: it was cut short or "
            f"changed; {advice}"
        )


def download(url: str, target: Path, sha256: str, progress: Progress = silent) -> Path:
    """Return `target`, fetched from `url` unless it is there already with the right content.

    Raises:
        DataError: If it cannot be fetched, or is not what was expected.
    """
    if target.is_file() and sha256_of(target) == sha256:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    os.close(descriptor)
    part = Path(name)
    try:
        _fetch(url, part, progress)
        verify(part, sha256, f"{url} was interrupted or is no longer the same; try again")
        part.chmod(0o644)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def _fetch(url: str, part: Path, progress: Progress) -> None:
    what = f"downloading {url.rsplit('/', 1)[-1]}"
    try:
        with (
            urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response,  # noqa: S310
            part.open("wb") as file,
        ):
            total = int(response.headers.get("Content-Length") or 0)
            while chunk := response.read(CHUNK_BYTES):
                file.write(chunk)
                progress(min(1.0, file.tell() / total) if total else 0.0, what)
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise DataError(
            f"cannot download {url}: {reason}; check the network, or put the file into a folder "
            "and name that folder in LOLOMO_DATA"
        ) from error


def wheel_files(
    requirement: str, wheel_sha256: str, members: Mapping[str, str], target: Path
) -> dict[str, Path]:
    """Return files out of a wheel, fetched with pip from the configured registry if need be.

    Args:
        requirement: The exact version, such as `recbole==1.2.1`.
        wheel_sha256: What the wheel must hash to.
        members: The path inside the wheel of each wanted file, to its sha256.
        target: The folder that keeps the files, by base name.

    Raises:
        DataError: If pip cannot get the wheel, or any content is not the one expected.
    """
    paths = {member: target / Path(member).name for member in members}
    missing = [
        member
        for member, path in paths.items()
        if not path.is_file() or sha256_of(path) != members[member]
    ]
    if missing:
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target, prefix=".wheel.") as folder:
            wheel = _pip_download(requirement, Path(folder))
            verify(wheel, wheel_sha256, f"the registry serves another {requirement}; try again")
            with zipfile.ZipFile(wheel) as archive:
                for member in missing:
                    write_atomically(paths[member], archive.read(member))
    for member, path in paths.items():
        verify(path, members[member], "remove it and try again")
    return paths


def _pip_download(requirement: str, folder: Path) -> Path:
    options = ["--no-deps", "--quiet", "--no-input", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder)]
    try:
        done = subprocess.run(  # noqa: S603
            [*command, requirement],
            capture_output=True,
            text=True,
            timeout=PIP_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DataError(
            f"pip did not get {requirement} within {PIP_TIMEOUT_SECONDS} seconds: check the "
            "network and try again"
        ) from error
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise DataError(
            f"pip cannot get {requirement}: {said[-1] if said else 'it said nothing'}; expected a "
            "wheel from the package registry: check pip's configuration and try again"
        )
    return wheels[0]
