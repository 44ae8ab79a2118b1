"""Which paths the executor may reach: the run's own folders, the interpreter, and the libraries beneath both."""

from __future__ import annotations

import os
import site
import sys
from typing import TYPE_CHECKING, Any, Final

from regen_runner.execute.sandbox.landlock import READ, READ_AND_RUN, READ_FILE, SCRATCH, WRITE, WRITE_FILE, Grant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LIBRARIES: Final = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin")
_READABLE: Final = ("/etc/ld.so.cache", "/etc/localtime", "/etc/fonts", "/dev/urandom", "/dev/random", "/dev/zero")
_FOR_EGRESS: Final = (
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
)


def grants(readable: Sequence[str], writable: Sequence[str], private: Sequence[str], *, egress: bool = False) -> list[Grant]:
    """Every rule of a run: never ``/proc``, ``/etc/passwd``, a home or the other folders of the pod.

    Args:
        readable: the run's folders to read.
        writable: the run's folder of outputs first, then the temporary ones.
        private: the run's folders that no rule may cover.
        egress: whether names are resolved and certificates checked.
    """
    own = [os.path.realpath(path) for path in (*readable, *writable, *private)]
    code = [path for path in _code_folders() if not any(covers(path, folder) for folder in own)]
    out, *scratch = writable
    return [
        *(Grant(path, READ_AND_RUN) for path in (*_LIBRARIES, *code)),
        *(Grant(path, READ) for path in (*_READABLE, *(_FOR_EGRESS if egress else ()))),
        Grant("/dev/null", READ_FILE | WRITE_FILE),
        *(Grant(path, READ, needed=True) for path in readable),
        Grant(out, WRITE, needed=True),
        *(Grant(path, SCRATCH, needed=True) for path in scratch),
    ]


def covers(folder: str, path: str) -> bool:
    """Whether ``path`` is ``folder`` or lies beneath it; both are real paths."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _code_folders() -> list[str]:
    """The real paths from which Python may still import, in a fixed order.

    A relative entry of ``sys.path`` (the empty one means the working directory, whatever that is) and the root folder are
    left out: they would open what nobody chose.
    """
    prefixes = [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix]
    libraries = os.environ.get("LD_LIBRARY_PATH", "").split(":")
    wanted = [*prefixes, *sys.path, *libraries, *_editable_folders()]
    if site.ENABLE_USER_SITE:
        wanted.append(site.getusersitepackages())
    real = (os.path.realpath(path) for path in wanted if path.startswith("/"))
    return [path for path in dict.fromkeys(real) if path != "/"]


def _editable_folders() -> Iterator[str]:
    """Source folders of packages whose editable install is an import hook and no ``.pth`` line (setuptools)."""
    for name, module in list(sys.modules.items()):
        if name.startswith("__editable___"):
            mapping: Any = getattr(module, "MAPPING", {})
            yield from (str(path) for path in mapping.values())
