"""What the execute container is told by its environment. Parsed by hand: this program starts before every job."""

from __future__ import annotations

import locale
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from regen_core.errors import SettingsInvalid
from regen_core.names import is_type
from regen_runner.execute.sandbox import BEST_EFFORT, REQUIRE, Policy
from regen_runner.execute.sandbox.paths import covers

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_MAX_OUTPUT_BYTES: Final = 1 << 30
FIXED_ENVIRONMENT: Final = {
    "PYTHONHASHSEED": "0",
    "TZ": "UTC",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "SOURCE_DATE_EPOCH": "0",
}
"""What every run sees, whatever the container was given (rule R11)."""


@dataclass(frozen=True, slots=True)
class ExecuteSettings:
    """The container's settings; folders exist and are separate from each other.

    Attributes:
        job_type: the executor's type.
        inputs: folder with ``go``, ``instruction.json`` and ``sources/``.
        out: folder for the artifacts.
        result: folder for start mark and envelope, which the executor cannot reach.
        tmp: the executor's scratch folder, its HOME and working directory.
        time_limit_seconds: how long the executor may run.
        policy: its sandbox.
    """

    job_type: str
    inputs: Path
    out: Path
    result: Path
    tmp: Path
    time_limit_seconds: float
    policy: Policy


def folder(environ: Mapping[str, str], name: str) -> Path:
    """The folder that variable ``name`` names, as a real path.

    Raises:
        SettingsInvalid: it is not set, or no folder.
    """
    value = environ.get(name, "")
    if not Path(value).is_absolute() or not Path(value).is_dir():
        raise SettingsInvalid(f"{name}: expected the absolute path of a folder, got {value!r}", variable=name)
    return Path(value).resolve()


def parse_settings(environ: Mapping[str, str]) -> ExecuteSettings:
    """The settings in ``environ``.

    Raises:
        SettingsInvalid: names the first wrong variable and what was expected.
    """
    inputs, out, result = (folder(environ, name) for name in ("REGEN_IN_DIR", "REGEN_OUT_DIR", "REGEN_RESULT_DIR"))
    tmp = folder(environ, "REGEN_TMP_DIR" if environ.get("REGEN_TMP_DIR") else "TMPDIR")
    _check_apart({"REGEN_IN_DIR": inputs, "REGEN_OUT_DIR": out, "REGEN_RESULT_DIR": result, "TMPDIR": tmp})
    _check_hash_seed(environ)
    job_type = environ.get("REGEN_JOB_TYPE", "")
    if not is_type(job_type):
        raise SettingsInvalid(f"REGEN_JOB_TYPE: expected an executor's type such as 'document', got {job_type!r}")
    return ExecuteSettings(
        job_type=job_type,
        inputs=inputs,
        out=out,
        result=result,
        tmp=tmp,
        time_limit_seconds=_seconds(environ, "REGEN_TIME_LIMIT_SECONDS"),
        policy=Policy(
            mode=_choice(environ, "REGEN_SANDBOX", (REQUIRE, BEST_EFFORT)),
            readable=(str(inputs),),
            writable=(str(out), str(tmp)),
            private=(str(result),),
            egress=_choice(environ, "REGEN_EGRESS", ("none", "open")) == "open",
            subprocesses=_choice(environ, "REGEN_SUBPROCESSES", ("false", "true")) == "true",
            max_memory_bytes=_bytes(environ, "REGEN_MAX_MEMORY_BYTES", 0, lowest=0),
            max_file_bytes=_bytes(environ, "REGEN_MAX_OUTPUT_BYTES", DEFAULT_MAX_OUTPUT_BYTES, lowest=1),
        ),
    )


def _check_apart(folders: Mapping[str, Path]) -> None:
    """No folder lies in another: what may be written would hold what may not."""
    for name, path in folders.items():
        for other, inner in folders.items():
            if name != other and covers(str(path), str(inner)):
                raise SettingsInvalid(f"{other}: expected a folder outside of {name} ({path}), got {inner}", variable=other)


def _check_hash_seed(environ: Mapping[str, str]) -> None:
    """The seed is read when the interpreter starts; it is too late to set it here."""
    seed = environ.get("PYTHONHASHSEED")
    if seed != FIXED_ENVIRONMENT["PYTHONHASHSEED"]:
        raise SettingsInvalid(f"PYTHONHASHSEED: expected '0', so that equal instructions give equal bytes, got {seed!r}")


def _choice(environ: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    """One of ``choices``; not set means the first."""
    value = environ.get(name) or choices[0]
    if value not in choices:
        raise SettingsInvalid(f"{name}: expected one of {', '.join(choices)}, got {value!r}", variable=name)
    return value


def _seconds(environ: Mapping[str, str], name: str) -> float:
    value = environ.get(name, "")
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise SettingsInvalid(f"{name}: expected a positive number of seconds, got {value!r}", variable=name)
    return seconds


def _bytes(environ: Mapping[str, str], name: str, default: int, *, lowest: int) -> int:
    value = environ.get(name) or str(default)
    if not (value.isascii() and value.isdecimal()) or not lowest <= int(value) < 1 << 63:
        raise SettingsInvalid(f"{name}: expected a whole number of bytes, {lowest} or more, got {value!r}", variable=name)
    return int(value)


def clean_environment(environ: Mapping[str, str], tmp: Path) -> dict[str, str]:
    """The executor's environment: the image's own variables, the fixed ones, and nothing that differs from pod to pod."""
    own = {name: value for name, value in environ.items() if not _differs(name)}
    return {**own, **FIXED_ENVIRONMENT, "HOME": str(tmp), "TMPDIR": str(tmp)}


def _differs(name: str) -> bool:
    """Host names, locales, our settings, credentials, and the variables that Kubernetes adds for each service."""
    return (
        name in {"HOSTNAME", "PWD", "OLDPWD", "SHLVL", "_"}
        or name.startswith(("REGEN_", "KUBERNETES_", "AWS_", "LC_", "LANGUAGE"))
        or name.endswith(("_SERVICE_HOST", "_SERVICE_PORT", "_PORT"))
        or "_PORT_" in name
    )


def apply_environment(tmp: Path) -> None:
    """Makes ``clean_environment`` this process's own, time zone and locale included."""
    wanted = clean_environment(os.environ, tmp)
    os.environ.clear()
    os.environ.update(wanted)
    time.tzset()
    # As the interpreter sets it when it starts with this environment; the other categories stay "C".
    locale.setlocale(locale.LC_CTYPE, FIXED_ENVIRONMENT["LC_ALL"])
