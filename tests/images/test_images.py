"""Is in each image what belongs there, and nothing else?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.images.conftest import Image

MEGABYTE = 1_000_000
STANDARD_LIBRARY = re.compile(
    r"usr/(local/)?lib/python3\.\d+/"
    r"(?!(.*/)?(test|tests|idlelib|lib2to3|turtledemo|ensurepip|site-packages|dist-packages)/).*\.py$"
)
PARTS = ("operator", "runner", "api")
OWN = {
    "operator": {"regen_core", "regen_schema", "regen_store", "regen_verify", "regen_operator", "regen_cli"},
    "runner": {"regen_core", "regen_schema", "regen_store", "regen_runner", "regen_executors", "regen_plan_catalogue"},
    "api": {"regen_core", "regen_schema", "regen_store", "regen_api"},
}
BANNED = {
    "operator": {
        "regen_runner",
        "regen_executors",
        "kubelite",
        "regen_stack",
        "boto3",
        "botocore",
        "requests",
        "typst",
        "pyarrow",
    },
    "runner": {"regen_operator", "regen_cli", "kubelite", "regen_stack", "kopf", "kubernetes", "sqlalchemy", "alembic"},
    "api": {
        "regen_operator",
        "regen_runner",
        "regen_executors",
        "regen_cli",
        "kubelite",
        "regen_stack",
        "kopf",
        "kubernetes",
        "typst",
    },
}
# With the base and 12 MB of the standard library's bytecode.
LIMITS = {"operator": 215 * MEGABYTE, "runner": 400 * MEGABYTE, "api": 250 * MEGABYTE}

pytestmark = [pytest.mark.xdist_group("images"), pytest.mark.timeout(1800)]


@pytest.mark.parametrize("part", PARTS)
def test_only_its_own_packages_are_there(images: dict[str, Image], part: str) -> None:
    packages = images[part].packages()
    assert packages & {name for name in packages if name.startswith("regen_") and "-" not in name} == OWN[part]
    assert packages & BANNED[part] == set()


@pytest.mark.parametrize("part", PARTS)
def test_nobody_in_it_is_root(images: dict[str, Image], part: str) -> None:
    assert images[part].config["User"] == "65532:65532"


@pytest.mark.parametrize("part", PARTS)
def test_python_imports_nothing_from_the_working_folder(images: dict[str, Image], part: str) -> None:
    assert "PYTHONSAFEPATH=1" in images[part].config["Env"]


@pytest.mark.parametrize("part", PARTS)
def test_labels_say_what_it_is(images: dict[str, Image], part: str) -> None:
    labels = images[part].config["Labels"]
    assert labels["org.opencontainers.image.title"] == f"regen-{part}"
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert labels["org.opencontainers.image.revision"] not in {"", "unknown"}


@pytest.mark.parametrize("part", PARTS)
def test_every_module_of_ours_is_compiled(images: dict[str, Image], part: str) -> None:
    modules = [path for path in images[part].files if "/regen_" in path and path.endswith(".py")]
    compiled = {
        path.rpartition("/")[2].split(".")[0] for path in images[part].files if "/regen_" in path and path.endswith(".pyc")
    }
    assert modules
    assert [path for path in modules if path.rpartition("/")[2].removesuffix(".py") not in compiled] == []


@pytest.mark.parametrize("part", PARTS)
def test_the_standard_library_is_compiled(images: dict[str, Image], part: str) -> None:
    """A pod's processes cannot write bytecode, and the official Python images have none."""
    modules = {path.removesuffix(".py") for path in images[part].files if STANDARD_LIBRARY.match(path)}
    compiled = {
        f"{folder.removesuffix('/__pycache__')}/{name.split('.')[0]}"
        for folder, _, name in (path.rpartition("/") for path in images[part].files if path.endswith(".pyc"))
    }
    assert len(modules) > 300
    assert modules - compiled == set()


@pytest.mark.parametrize("part", PARTS)
def test_it_has_no_installer_and_no_source_tree(images: dict[str, Image], part: str) -> None:
    paths = [path for path in images[part].files if path.startswith(("opt/", "src/", "build/"))]
    assert paths
    assert [path for path in paths if "/pip/" in path or path.startswith(("src/", "build/"))] == []


@pytest.mark.parametrize("part", PARTS)
def test_it_is_no_larger_than_promised(images: dict[str, Image], part: str) -> None:
    image = images[part]
    assert image.size <= LIMITS[part], f"{image.size / MEGABYTE:.0f} MB, of which {image.own_size / MEGABYTE:.0f} MB are ours"
