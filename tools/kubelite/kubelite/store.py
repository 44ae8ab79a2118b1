"""The objects of a Kubernetes API and its rules: uids, revisions, conflicts, generations, subresources, deletion, watches.

The HTTP server and the node agent share one store; every method is synchronous and belongs to the event loop's thread.
Objects that go in are copied, objects that come out are the caller's own. A resource is named as kubectl names it:
``pods``, ``jobs.batch``, ``regenerationjobs.regeneration.dev``.
"""

from __future__ import annotations

import json
import secrets
import uuid
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

from kubelite import admission, schema
from kubelite.definitions import definition_errors, establish
from kubelite.deletion import DeleteOptions, Deletion, timestamp
from kubelite.errors import (
    FieldError,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    invalid,
    method_not_allowed,
    no_such_path,
    not_found,
    revision_too_large,
)
from kubelite.records import Records
from kubelite.resources import CRDS, Object, from_definition
from kubelite.selectors import matcher
from kubelite.watches import Stored, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from kubelite.resources import Registry, Resource

_Errors = list[FieldError]
_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_NAMESPACES = ("default", "kube-system")


class ObjectStore:
    """All objects.

    Args:
        history: changes remembered per resource; a watch from before gets 410.
        now: the clock of creationTimestamp and deletionTimestamp.

    Attributes:
        logs: the file of each container's output by (namespace, pod, container); the node agent enters it.
    """

    def __init__(self, history: int = 5000, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._records = Records(history)
        self._now = now
        self._deletion = Deletion(self._records, now)
        self.logs: dict[tuple[str, str, str], Path] = {}
        for name in _NAMESPACES:
            self.create("namespaces", None, {"metadata": {"name": name}})

    @property
    def resources(self) -> Registry:
        """What is served now."""
        return self._records.registry

    @property
    def revision(self) -> int:
        """The revision of the newest change in the whole store."""
        return self._records.revision

    def resource(self, key: str) -> Resource:
        """The description of a resource.

        Raises:
            APIError: 404 where nothing is served under that name.
        """
        found = self.resources.get(key)
        if found is None:
            raise no_such_path()
        return found

    # -- reading ------------------------------------------------------------------------------------------------------

    def read(self, resource: str, namespace: str | None, name: str) -> Stored:
        """The current version, shared: not to be changed.

        Raises:
            APIError: 404.
        """
        kind = self.resource(resource)
        found = self._records.read(kind, namespace or "", name)
        if found is None:
            raise not_found(kind, name)
        return found

    def get(self, resource: str, namespace: str | None, name: str) -> Object:
        """A copy of the object. Raises APIError 404."""
        return json.loads(self.read(resource, namespace, name).raw)  # type: ignore[no-any-return]

    def select(self, resource: str, namespace: str | None = None, *, labels: str = "", fields: str = "") -> tuple[Stored, ...]:
        """The current versions that match, shared, ordered by namespace and name. ``namespace`` None: all of them."""
        kind = self.resource(resource)
        matches = matcher(kind, labels, fields)
        found = self._records.select(kind, namespace)
        return tuple(version for version in found if matches is None or matches(version.value))

    def list(self, resource: str, namespace: str | None = None, *, labels: str = "", fields: str = "") -> tuple[Object, ...]:
        """Copies of the objects that match both selectors, written as for ``kubectl get -l … --field-selector …``."""
        return tuple(json.loads(version.raw) for version in self.select(resource, namespace, labels=labels, fields=fields))

    def watch(
        self, resource: str, namespace: str | None = None, *, since: int | str | None = None, labels: str = "", fields: str = ""
    ) -> Watch:
        """An open watch; ``async for event in watch`` gives ``event.kind`` and ``event.object``.

        Args:
            resource: what to watch.
            namespace: where; None for everywhere.
            since: the revision after which changes are wanted; None or 0: first an ADDED for every object there is.
            labels: a label selector.
            fields: a field selector.

        Raises:
            APIError: 410 where ``since`` is too old, 504 where it lies in the future, 400 where it is no number.
        """
        kind = self.resource(resource)
        start = parse_revision(since)
        if start > self.revision:
            raise revision_too_large(start, self.revision)
        matches = matcher(kind, labels, fields)
        watch = Watch(self._records.hub, kind.key, namespace, matches)
        if not start:
            watch.prime(self.select(resource, namespace, labels=labels, fields=fields))
        self._records.hub.subscribe(watch, start or None)
        return watch

    def close(self) -> None:
        """Ends every watch."""
        self._records.hub.close()

    # -- writing ------------------------------------------------------------------------------------------------------

    def create(self, resource: str, namespace: str | None, obj: Object, *, dry_run: bool = False) -> Object:
        """Makes a new object and returns it as stored.

        Raises:
            APIError: 404 without its namespace, 409 where the name is taken, 422 where it is invalid, 403, 400.
        """
        kind = self.resource(resource)
        new: Object = json.loads(json.dumps(obj))
        meta = self._new_metadata(kind, namespace, new)
        self._admit(kind, new)
        if kind.custom and kind.status:
            new.pop("status", None)
        found = chain(admission.metadata_errors(kind, new), self._content_errors(kind, new))
        _raise_invalid(kind, meta["name"], [*found, *admission.creation_errors(kind, new)])
        admission.set_defaults(kind, new)
        if kind.key == CRDS:
            establish(new, meta["creationTimestamp"])
        if self._records.read(kind, meta.get("namespace", ""), meta["name"]):
            raise already_exists(kind, meta["name"])
        if dry_run:
            return new
        version = self._put(kind, new)
        self._deletion.settle(kind, version)
        return json.loads(version.raw)  # type: ignore[no-any-return]

    def update(
        self,
        resource: str,
        namespace: str | None,
        name: str,
        obj: Object,
        *,
        subresource: str | None = None,
        dry_run: bool = False,
    ) -> Object:
        """Replaces the object, or with ``subresource`` "status" its status alone, "binding" (pods) its node alone.

        A ``metadata.resourceVersion`` in ``obj`` must be the current one. A replacement that changes nothing makes no
        new version.

        Raises:
            APIError: 404, 409 on a stale write, 422 where it is invalid or changes what is immutable, 400.
        """
        kind = self.resource(resource)
        old = self.read(resource, namespace, name)
        new: Object = json.loads(json.dumps(obj))
        self._check_identity(kind, old, new)
        new = self._merge(kind, old.value, new, subresource)
        found: Iterable[FieldError] = admission.metadata_errors(kind, new)
        if kind.custom or subresource is None:  # a built-in kind's status is not checked here
            found = chain(found, self._content_errors(kind, new))
        if subresource is None:
            admission.set_update_defaults(kind, new)
            found = chain(found, admission.update_errors(kind, old.value, new), _finalizer_errors(old.value, new))
        _raise_invalid(kind, name, list(found))
        if new == old.value:
            return json.loads(old.raw)  # type: ignore[no-any-return]
        if kind.generation and "generation" in new["metadata"] and _desired(kind, new) != _desired(kind, old.value):
            new["metadata"]["generation"] += 1
        if dry_run:
            return new
        gone = self._deletion.finish(kind, new)
        version = gone or self._put(kind, new)
        if gone is None and version.value["metadata"].get("ownerReferences") != old.value["metadata"].get("ownerReferences"):
            self._deletion.settle(kind, version)
        return json.loads(version.raw)  # type: ignore[no-any-return]

    def mutate(
        self,
        resource: str,
        namespace: str | None,
        name: str,
        change: Callable[[Object], None],
        *,
        subresource: str | None = None,
    ) -> Object:
        """Reads, lets ``change`` alter the copy in place, and updates. Raises as ``update`` does."""
        obj = self.get(resource, namespace, name)
        change(obj)
        return self.update(resource, namespace, name, obj, subresource=subresource)

    def delete(
        self,
        resource: str,
        namespace: str | None,
        name: str,
        *,
        grace: int | None = None,
        propagation: str | None = None,
        uid: str | None = None,
        resource_version: str | None = None,
        dry_run: bool = False,
    ) -> tuple[Object, bool]:
        """Deletes, or begins to: the object's last version, and whether it is gone.

        Args:
            resource: of what.
            namespace: where, if namespaced.
            name: which.
            grace: seconds; only pods on a node have any (default: their own). 0 is how the node agent ends a pod.
            propagation: Foreground, Background or Orphan; the default is Background, for Jobs Orphan.
            uid: the uid that the object must have.
            resource_version: the revision that it must have.
            dry_run: only check.

        Raises:
            APIError: 404, 409 where a precondition does not hold.
        """
        kind = self.resource(resource)
        found = self.read(resource, namespace, name)
        options = DeleteOptions(grace, propagation, uid, resource_version)
        if dry_run:
            self._deletion.check(kind, found, options)
            return json.loads(found.raw), True
        version, gone = self._deletion.delete(kind, found, options)
        return json.loads(version.raw), gone

    # -- rules --------------------------------------------------------------------------------------------------------

    def _new_metadata(self, kind: Resource, namespace: str | None, new: Object) -> dict[str, Any]:
        _check_kind(kind, new)
        meta: dict[str, Any] = new.setdefault("metadata", {})
        if meta.get("resourceVersion"):
            raise bad_request("resourceVersion should not be set on objects to be created")
        if not meta.get("name"):
            if not meta.get("generateName"):
                missing = FieldError("metadata.name", "FieldValueRequired", "name or generateName is required")
                raise invalid(kind, "", [missing])
            meta["name"] = meta["generateName"][:58] + "".join(secrets.choice(_SUFFIX_LETTERS) for _ in range(5))
        if meta.get("namespace") and (namespace or "") != meta["namespace"]:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        for name in ("managedFields", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation"):
            meta.pop(name, None)
        meta["uid"] = str(uuid.uuid4())
        meta["creationTimestamp"] = timestamp(self._now())
        if kind.namespaced:
            if not namespace:
                raise method_not_allowed()
            meta["namespace"] = namespace
        if kind.generation:
            meta["generation"] = 1
        return meta

    def _admit(self, kind: Resource, new: Object) -> None:
        if not kind.namespaced:
            return
        namespace, name = new["metadata"]["namespace"], new["metadata"]["name"]
        home = self.read("namespaces", None, namespace)
        if "deletionTimestamp" in home.value["metadata"]:
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise forbidden(kind, name, why, "NamespaceTerminating")
        if kind.key == "pods":
            account = new.get("spec", {}).get("serviceAccountName") or "default"
            if not self._records.read(self.resource("serviceaccounts"), namespace, account):
                why = f'error looking up service account {namespace}/{account}: serviceaccount "{account}" not found'
                raise forbidden(kind, name, why)

    def _content_errors(self, kind: Resource, obj: Object) -> _Errors:
        if kind.key == CRDS:
            return list(definition_errors(obj))
        if kind.schema is None:
            return []
        schema.prune(kind.schema, obj)
        schema.set_defaults(kind.schema, obj)
        found = list(schema.errors(kind.schema, obj))
        if found and not kind.custom:
            # built-in kinds are decoded into typed structures, which fails before anything is validated
            text = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}'
            raise bad_request(f"{text}: {found[0].field}: {found[0].message}")
        return found

    def _check_identity(self, kind: Resource, old: Stored, new: Object) -> None:
        _check_kind(kind, new)
        meta = new.setdefault("metadata", {})
        if meta.get("name", old.name) != old.name:
            raise bad_request(f"the name of the object ({meta['name']}) does not match the name on the URL ({old.name})")
        if meta.get("namespace", old.namespace) != old.namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        uid = old.value["metadata"]["uid"]
        if meta.get("uid", uid) != uid:
            raise conflict(
                kind, old.name, f"Precondition failed: UID in precondition: {meta['uid']}, UID in object meta: {uid}"
            )
        if not meta.get("resourceVersion"):
            if not kind.unconditional_update:
                text = "0x0: must be specified for an update"
                raise invalid(kind, old.name, [FieldError("metadata.resourceVersion", "FieldValueInvalid", text)])
        elif meta["resourceVersion"] != str(old.revision):
            raise conflict(kind, old.name)

    def _merge(self, kind: Resource, old: Object, new: Object, subresource: str | None) -> Object:
        """The next version: of ``new`` only what the caller may write through this door, the rest of ``old``."""
        if subresource == "binding":
            bound: Object = json.loads(json.dumps(old))
            bound["spec"]["nodeName"] = new["spec"]["nodeName"]
            return bound
        if subresource == "status":
            merged: Object = {key: value for key, value in old.items() if key != "status"}
            if "status" in new:
                merged["status"] = new["status"]
            if not kind.custom:
                merged["metadata"] = _kept_metadata(old, new)
            return json.loads(json.dumps(merged))  # type: ignore[no-any-return]
        new["metadata"] = _kept_metadata(old, new)
        if kind.status:
            new.pop("status", None)
            if "status" in old:
                new["status"] = old["status"]
        if kind.key == CRDS:
            establish(new, timestamp(self._now()))
        return new

    def _put(self, kind: Resource, new: Object) -> Stored:
        version = self._records.put(kind, new)
        if kind.key == CRDS:
            self.resources.add(from_definition(version.value))
        elif kind.key == "namespaces" and not self._records.read(self.resource("serviceaccounts"), version.name, "default"):
            self._records.put(self.resource("serviceaccounts"), self._default_account(version.name))
        return version

    def _default_account(self, namespace: str) -> Object:
        account: Object = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
        self._new_metadata(self.resource("serviceaccounts"), namespace, account)
        return account


def parse_revision(text: int | str | None) -> int:
    """The number in a resourceVersion; 0 for none.

    Raises:
        APIError: 400.
    """
    try:
        return int(text or 0)
    except ValueError:
        raise bad_request(f"resourceVersion: Invalid value: {json.dumps(text)}: expected a number") from None


def _check_kind(kind: Resource, obj: Object) -> None:
    if obj.setdefault("apiVersion", kind.api_version) != kind.api_version:
        raise bad_request(
            f"the API version in the data ({obj['apiVersion']}) does not match the expected API version ({kind.api_version})"
        )
    if obj.setdefault("kind", kind.kind) != kind.kind:
        raise bad_request(f"the kind in the data ({obj['kind']}) does not match the expected kind ({kind.kind})")


def _kept_metadata(old: Object, new: Object) -> dict[str, Any]:
    """The metadata of ``new`` with what only the API server writes taken from ``old``."""
    meta = {key: value for key, value in new["metadata"].items() if value not in (None, {}, [])}
    for name in ("managedFields", "selfLink"):
        meta.pop(name, None)
    for name in (
        "name",
        "generateName",
        "namespace",
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "generation",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ):
        meta.pop(name, None)
        if name in old["metadata"]:
            meta[name] = old["metadata"][name]
    return meta


def _desired(kind: Resource, obj: Object) -> Object:
    """What ``metadata.generation`` counts the changes of."""
    if not kind.custom:
        return {"spec": obj.get("spec")}
    return {key: value for key, value in obj.items() if key != "metadata" and not (kind.status and key == "status")}


def _finalizer_errors(old: Object, new: Object) -> _Errors:
    added = set(new["metadata"].get("finalizers") or ()) - set(old["metadata"].get("finalizers") or ())
    if not added or "deletionTimestamp" not in old["metadata"]:
        return []
    why = f"no new finalizers can be added if the object is being deleted, found new finalizers {sorted(added)}"
    return [FieldError("metadata.finalizers", "FieldValueForbidden", why)]


def _raise_invalid(kind: Resource, name: str, found: _Errors) -> None:
    if found:
        raise invalid(kind, name, found)
