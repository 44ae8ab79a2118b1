"""Who changed what: a bounded history of changes per resource, and the watches that follow it.

A watch that asks for a revision older than the history gets 410, as from a compacted etcd. Every change is serialised once
however many watches see it.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from kubelite.errors import expired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from kubelite.resources import Object

ADDED: Final = "ADDED"
MODIFIED: Final = "MODIFIED"
DELETED: Final = "DELETED"
MAX_PENDING: Final = 50_000
"""How many events a watch may be behind before it is ended; its client lists again."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of an object. ``value`` is shared and never changed; ``raw`` is its JSON."""

    value: Object
    raw: bytes
    revision: int

    @property
    def namespace(self) -> str:
        """Its namespace, or the empty string."""
        return str(self.value["metadata"].get("namespace", ""))

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.value["metadata"]["name"])


def stored(obj: Object, revision: int) -> Stored:
    """``obj``, which becomes the store's own, at ``revision``; its JSON begins with apiVersion and kind."""
    obj = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], **obj}
    obj["metadata"]["resourceVersion"] = str(revision)
    return Stored(obj, json.dumps(obj, separators=(",", ":")).encode(), revision)


@dataclass(slots=True)
class WatchEvent:
    """What one watch sees: ``kind`` is ADDED, MODIFIED or DELETED."""

    kind: str
    stored: Stored
    _frame: bytes = b""

    @property
    def object(self) -> Object:
        """The object, a copy of the caller's own."""
        return json.loads(self.stored.raw)  # type: ignore[no-any-return]

    @property
    def frame(self) -> bytes:
        """The line that goes over the wire; made once for all watches."""
        if not self._frame:
            self._frame = b'{"type":"%s","object":%s}\n' % (self.kind.encode(), self.stored.raw)
        return self._frame


@dataclass(frozen=True, slots=True)
class Change:
    """One committed change: the version before (None: created) and the version after (of a deletion, the last one)."""

    event: WatchEvent
    before: Stored | None

    def seen_by(self, matches: Callable[[Object], bool] | None) -> WatchEvent | None:
        """The event for a watch with that selector: an object that stops matching is DELETED, one that begins is ADDED."""
        if matches is None or self.event.kind == ADDED:
            return self.event if matches is None or matches(self.event.stored.value) else None
        was = self.before is not None and matches(self.before.value)
        if self.event.kind == DELETED:
            return self.event if was else None
        now = matches(self.event.stored.value)
        if was and now:
            return self.event
        if now:
            return WatchEvent(ADDED, self.event.stored)
        if was and self.before is not None:
            last = json.loads(self.before.raw)
            return WatchEvent(DELETED, stored(last, self.event.stored.revision))
        return None


class Watch:
    """An open watch: an async iterator of events, also an (async) context manager that closes it."""

    def __init__(self, hub: WatchHub, resource: str, namespace: str | None, matches: Callable[[Object], bool] | None) -> None:
        self._hub = hub
        self._matches = matches
        self._pending: deque[WatchEvent] = deque()
        self._ready = asyncio.Event()
        self.resource = resource
        self.namespace = namespace
        self.closed = False

    def offer(self, change: Change) -> None:
        """Queues what this watch sees of ``change``."""
        if self.namespace and change.event.stored.namespace != self.namespace:
            return
        event = change.seen_by(self._matches)
        if event is not None:
            self._pending.append(event)
            self._ready.set()
        if len(self._pending) > MAX_PENDING:
            self.close()

    def prime(self, versions: Iterable[Stored]) -> None:
        """Queues an ADDED for each of ``versions``, the state at the start."""
        self._pending.extend(WatchEvent(ADDED, version) for version in versions)
        self._ready.set()

    async def batch(self) -> list[WatchEvent]:
        """Waits for events and takes all there are; an empty list means that the watch was closed."""
        while not self._pending and not self.closed:
            self._ready.clear()
            await self._ready.wait()
        return self.take()

    def take(self) -> list[WatchEvent]:
        """What is queued now, without waiting."""
        events = list(self._pending)
        self._pending.clear()
        return events

    def close(self) -> None:
        """Ends the watch. Safe to repeat."""
        self.closed = True
        self._ready.set()
        self._hub.forget(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> WatchEvent:
        if not self._pending:
            self._pending.extend(await self.batch())
        if not self._pending:
            raise StopAsyncIteration
        return self._pending.popleft()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


@dataclass(slots=True)
class _History:
    changes: deque[Change] = field(default_factory=deque)
    floor: int = 0


class WatchHub:
    """The histories of all resources and the watches on them.

    Args:
        keep: changes remembered per resource.
        floor: the revision at which the store began; anything older is gone.
    """

    def __init__(self, keep: int, floor: int) -> None:
        self._keep = keep
        self._floor = floor
        self._histories: dict[str, _History] = {}
        self._watches: dict[str, list[Watch]] = {}

    def publish(self, resource: str, change: Change) -> None:
        """Remembers ``change`` and shows it to every watch on ``resource``."""
        history = self._histories.setdefault(resource, _History(floor=self._floor))
        history.changes.append(change)
        while len(history.changes) > self._keep:
            history.floor = history.changes.popleft().event.stored.revision
        for watch in tuple(self._watches.get(resource, ())):
            watch.offer(change)

    def subscribe(self, watch: Watch, since: int | None) -> None:
        """Opens ``watch``, with what happened after revision ``since`` (None: only what comes).

        Raises:
            APIError: 410 where the history no longer reaches back that far.
        """
        if since is not None:
            history = self._histories.get(watch.resource, _History(floor=self._floor))
            if since < history.floor:
                raise expired(f"too old resource version: {since} ({history.floor})")
            for change in history.changes:
                if change.event.stored.revision > since:
                    watch.offer(change)
        self._watches.setdefault(watch.resource, []).append(watch)

    def forget(self, watch: Watch) -> None:
        """Shows ``watch`` nothing more."""
        watches = self._watches.get(watch.resource, [])
        if watch in watches:
            watches.remove(watch)

    def close(self, resource: str | None = None) -> None:
        """Ends the watches on ``resource``, or all."""
        chosen = [watch for key, found in self._watches.items() if resource in {None, key} for watch in found]
        for watch in chosen:
            watch.close()
