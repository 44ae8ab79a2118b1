"""What an image is here: the environment that a container's process gets. Nothing is pulled; an unknown name cannot be had."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kubelite.process import start_program

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubelite.process import Start

_NAME: Final = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_HOST: Final = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]+)?/)?"
_REFERENCE: Final = re.compile(rf"{_HOST}{_NAME}(?:/{_NAME})*(?::[\w][\w.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?")
"""The grammar of an image reference, after ``github.com/distribution/reference``."""


@dataclass(frozen=True, slots=True)
class ImageEnvironment:
    """What stands for an image.

    Attributes:
        path: the ``PATH`` on which the container's command is looked up.
        env: further variables; a container's own ``env`` wins over them.
        entrypoint: the command of a container that names none.
        start: how its programs are started.
    """

    path: str
    env: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    start: Start = start_program

    @property
    def variables(self) -> dict[str, str]:
        """Every variable the image brings, ``PATH`` included."""
        return {"PATH": self.path, **self.env}


class ContainerWaits(Exception):
    """The container cannot start yet: ``reason`` and ``message`` of its ``waiting`` state, in the kubelet's words."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def find_image(images: Mapping[str, ImageEnvironment], image: str, pull_policy: str) -> ImageEnvironment:
    """The environment of ``image``.

    Raises:
        ContainerWaits: ``InvalidImageName``, ``ErrImageNeverPull`` (policy ``Never``) or ``ErrImagePull``.
    """
    if _REFERENCE.fullmatch(image) is None:
        why = f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}": invalid reference format'
        raise ContainerWaits("InvalidImageName", why)
    found = images.get(image)
    if found is not None:
        return found
    if pull_policy == "Never":
        raise ContainerWaits("ErrImageNeverPull", f'Container image "{image}" is not present with pull policy of Never')
    raise ContainerWaits("ErrImagePull", f'failed to pull and unpack image "{image}": not found')
