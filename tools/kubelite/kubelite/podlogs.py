"""``kubectl logs``: a container's output from the file that the node agent writes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiohttp import web

from kubelite.errors import APIError, bad_request, not_emulated
from kubelite.requests import flag, number

if TYPE_CHECKING:
    from pathlib import Path

    from kubelite.resources import Object
    from kubelite.store import ObjectStore

_POLL_SECONDS: Final = 0.1
"""How often a followed file is looked at: nothing portable tells of its growth."""
_CHUNK: Final = 64 * 1024
_UNEMULATED: Final = ("sinceSeconds", "sinceTime", "stream")


async def logs(request: web.Request, store: ObjectStore, namespace: str, name: str) -> web.StreamResponse:
    """The output of one container of a pod, from ``tailLines`` lines before its end, at most ``limitBytes``.

    Raises:
        APIError: 404 without the pod, 400 for an unknown, unnamed or not yet started container, 501 for other options.
    """
    pod = store.read("pods", namespace, name).value
    container = _container(request, pod)
    if flag(request, "previous"):
        raise bad_request(f'previous terminated container "{container}" in pod "{name}" not found')
    for option in _UNEMULATED:
        if option in request.query:
            raise not_emulated(f"the log option {option}")
    if flag(request, "timestamps"):
        raise not_emulated("the log option timestamps")
    path = store.logs.get((namespace, name, container))
    if path is None or not path.exists():
        raise bad_request(f'container "{container}" in pod "{name}" is waiting to start: {_waiting(pod, container)}')
    start, data = _tail(path, number(request, "tailLines"))
    limit = number(request, "limitBytes")
    if not flag(request, "follow"):
        return web.Response(body=data if limit is None else data[:limit], content_type="text/plain")
    if limit is not None:
        raise not_emulated("limitBytes with follow")
    return await _follow(request, store, (namespace, name, container), path, start)


def _container(request: web.Request, pod: Object) -> str:
    main = [container["name"] for container in pod["spec"]["containers"]]
    init = [container["name"] for container in pod["spec"].get("initContainers") or ()]
    asked = request.query.get("container")
    name = pod["metadata"]["name"]
    if not asked:
        if len(main) + len(init) == 1:
            return str(main[0])
        also = f" or one of the init containers: [{' '.join(init)}]" if init else ""
        raise bad_request(f"a container name must be specified for pod {name}, choose one of: [{' '.join(main)}]{also}")
    if asked not in {*main, *init}:
        raise bad_request(f"container {asked} is not valid for pod {name}")
    return asked


def _state(pod: Object, container: str) -> dict[str, Object]:
    status = pod.get("status") or {}
    for entry in [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]:
        if entry["name"] == container:
            return entry.get("state") or {}
    return {}


def _waiting(pod: Object, container: str) -> str:
    return str(_state(pod, container).get("waiting", {}).get("reason") or "ContainerCreating")


def _tail(path: Path, lines: int | None) -> tuple[int, bytes]:
    data = path.read_bytes()
    if lines is None:
        return 0, data
    kept = data.splitlines(keepends=True)[-lines:] if lines else []
    tail = b"".join(kept)
    return len(data) - len(tail), tail


async def _follow(
    request: web.Request, store: ObjectStore, place: tuple[str, str, str], path: Path, start: int
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    with path.open("rb") as file:
        file.seek(start)
        while True:
            over = _is_over(store, place)  # asked before the last read, so that nothing written before is missed
            while data := file.read(_CHUNK):
                await response.write(data)
            if over:
                break
            await asyncio.sleep(_POLL_SECONDS)
    await response.write_eof()
    return response


def _is_over(store: ObjectStore, place: tuple[str, str, str]) -> bool:
    namespace, name, container = place
    try:
        pod = store.read("pods", namespace, name).value
    except APIError:
        return True
    return "terminated" in _state(pod, container) or pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}
