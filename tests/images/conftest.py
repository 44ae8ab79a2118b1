"""The images, built for real and read from their archives; no container is started.

Needs docker, podman or buildah, and ``REGEN_TEST_BASE``: a base image with Python 3.11 or later that the builder can get.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
BUILDERS = ("docker", "podman", "buildah")
BUILD_SECONDS = 900


@dataclass(frozen=True)
class Image:
    """What an archive says of an image.

    Attributes:
        config: the OCI configuration's ``config``: user, environment, labels.
        files: path → size in bytes, of every regular file in any layer.
        sizes: uncompressed bytes of each layer, the base's first.
        base_layers: how many of them are the base's.
    """

    config: dict[str, Any]
    files: dict[str, int]
    sizes: tuple[int, ...]
    base_layers: int

    @property
    def size(self) -> int:
        return sum(self.sizes)

    @property
    def own_size(self) -> int:
        """What we add to the base."""
        return sum(self.sizes[self.base_layers :])

    def packages(self) -> set[str]:
        """The names of the importable packages and modules of ours and of the requirements."""
        parts = [path.split("site-packages/", 1)[1] for path in self.files if "site-packages/" in path]
        return {part.split("/", 1)[0].removesuffix(".py") for part in parts}


class Builder:
    """Whichever of docker, podman and buildah there is."""

    def __init__(self, command: str, folder: Path) -> None:
        self.command = command
        self.folder = folder

    def save(self, name: str) -> Path:
        target = self.folder / f"{name.rpartition('/')[2].replace(':', '-')}.tar"
        if self.command == "buildah":
            self.run("buildah", "push", "--quiet", name, f"docker-archive:{target}")
        else:
            self.run(self.command, "save", "--output", str(target), name)
        return target

    def run(self, *command: str, **variables: str) -> None:
        done = subprocess.run(
            command,
            check=False,
            cwd=ROOT,
            env=os.environ | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=BUILD_SECONDS,
        )
        assert done.returncode == 0, done.stdout[-4000:]


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Image]]:
    """Part → image, all built by images.sh under a tag of this test's own."""
    base = os.environ.get("REGEN_TEST_BASE")
    command = os.environ.get("BUILDER") or next((name for name in BUILDERS if shutil.which(name)), None)
    if not base or not command:
        pytest.skip("not proven here: needs REGEN_TEST_BASE and docker, podman or buildah")
    builder = Builder(command, tmp_path_factory.mktemp("images"))
    tag = f"test-{os.getpid()}"
    names = {part: f"localhost/regen-{part}:{tag}" for part in ("operator", "runner", "api")}
    try:
        builder.run("./images.sh", BASE=base, BUILDER=command, TAG=tag, REGISTRY="localhost/", TEST_IMAGE="")
        base_layers = len(_read(builder.save(base)).sizes)
        yield {part: _read(builder.save(name), base_layers) for part, name in names.items()}
    finally:
        for name in names.values():
            subprocess.run([command, "rmi", name], check=False, capture_output=True, timeout=60)


def _read(archive: Path, base_layers: int = 0) -> Image:
    with tarfile.open(archive) as tar:
        [entry] = json.load(_member(tar, "manifest.json"))
        config = json.load(_member(tar, entry["Config"]))["config"]
        files: dict[str, int] = {}
        sizes = []
        for name in entry["Layers"]:
            content = _member(tar, name)
            with tarfile.open(fileobj=content, mode="r:*") as layer:
                for member in layer:
                    if member.isfile():
                        files[member.name.removeprefix("./")] = member.size
                sizes.append(sum(member.size for member in layer if member.isfile()))
    archive.unlink()
    return Image(config, files, tuple(sizes), base_layers)


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    content = tar.extractfile(name)
    assert content is not None, name
    return io.BufferedReader(content) if not content.seekable() else content  # type: ignore[arg-type]
