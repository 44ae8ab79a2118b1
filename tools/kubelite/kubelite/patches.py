"""The three kinds of patch: JSON patch (RFC 6902), merge patch (RFC 7386), strategic merge patch.

The last merges lists of built-in kinds by a key per field (``patchMergeKey`` in ``k8s.io/api``); the fields that Jobs, pods
and their like use are in ``MERGE_KEYS``, every other list is replaced, as Kubernetes does with atomic lists.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from kubelite.errors import APIError, bad_request, not_emulated

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kubelite.resources import Object

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC: Final = "application/strategic-merge-patch+json"
APPLY: Final = "application/apply-patch+yaml"

MERGE_KEYS: Final = {
    "conditions": "type",
    "containers": "name",
    "env": "name",
    "hostAliases": "ip",
    "imagePullSecrets": "name",
    "initContainers": "name",
    "ownerReferences": "uid",
    "ports": "containerPort",
    "secrets": "name",
    "taints": "key",
    "volumeMounts": "mountPath",
    "volumes": "name",
}
_MERGED_PRIMITIVES: Final = frozenset({"finalizers"})


def apply(content_type: str, target: Object, patch: Any) -> Object:
    """``target`` with ``patch`` applied; ``target`` may be used up.

    Raises:
        APIError: 400 for a malformed patch, 422 for a JSON patch that does not fit, 501 for what is not emulated.
    """
    if content_type == JSON_PATCH:
        if not isinstance(patch, list):
            raise bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
        return _json_patch(target, patch)
    if not isinstance(patch, dict):
        raise bad_request("the patch must be a JSON object")
    patched = merge(target, patch) if content_type == MERGE_PATCH else _strategic(target, patch)
    if not isinstance(patched, dict):
        raise bad_request("the patch must leave a JSON object")
    return patched


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def _refused(why: str) -> APIError:
    return APIError(422, "Invalid", f"the server rejected our request due to an error in our request: {why}")


def _json_patch(target: Object, operations: Sequence[Any]) -> Object:
    holder: dict[str, Object] = {"": target}
    for number, operation in enumerate(operations):
        try:
            _operate(holder, operation)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise _refused(f"operation {number} ({operation}): {error!r}") from error
    return holder[""]


def _pointer(text: str) -> list[str]:
    if text and not text.startswith("/"):
        raise ValueError(text)
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")]


def _find(holder: Any, path: Sequence[str]) -> Any:
    for part in path:
        holder = holder[int(part)] if isinstance(holder, list) else holder[part]
    return holder


def _operate(holder: Any, operation: dict[str, Any]) -> None:
    path = _pointer(operation["path"])
    *parents, last = path
    parent = _find(holder, parents)
    match operation["op"]:
        case "add":
            _add(parent, last, operation["value"])
        case "remove":
            del parent[int(last) if isinstance(parent, list) else last]
        case "replace":
            _find(parent, [last])
            parent[int(last) if isinstance(parent, list) else last] = operation["value"]
        case "test":
            value = _find(parent, [last])
            if value != operation.get("value"):
                raise ValueError(f"test failed: found {json.dumps(value)}")
        case "copy":
            _add(parent, last, json.loads(json.dumps(_find(holder, _pointer(operation["from"])))))
        case "move":
            value = _find(holder, _pointer(operation["from"]))
            _operate(holder, {"op": "remove", "path": operation["from"]})
            _operate(holder, {"op": "add", "path": operation["path"], "value": value})
        case other:
            raise ValueError(f"unknown operation {other!r}")


def _add(parent: Any, last: str, value: Any) -> None:
    if not isinstance(parent, list):
        parent[last] = value
    elif last == "-":
        parent.append(value)
    elif 0 <= int(last) <= len(parent):
        parent.insert(int(last), value)
    else:
        raise IndexError(last)


def _strategic(target: Any, patch: dict[str, Any]) -> Any:
    directive = patch.get("$patch", "merge")
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    if directive not in {"merge", "delete"}:
        raise bad_request(f"Unknown patch type: {directive}")
    result = dict(target) if isinstance(target, dict) else {}
    if directive == "delete":
        return {}
    if "$retainKeys" in patch:
        result = {key: value for key, value in result.items() if key in patch["$retainKeys"]}
    for key, value in patch.items():
        if key.startswith("$"):
            _direct(result, key, value)
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = _strategic_value(key, result.get(key), value)
    for key, value in patch.items():
        if key.startswith("$setElementOrder/"):
            _order(result, key.partition("/")[2], value)
    return result


def _direct(result: dict[str, Any], key: str, value: Any) -> None:
    word, _, field = key.partition("/")
    if word == "$deleteFromPrimitiveList":
        result[field] = [item for item in result.get(field) or () if item not in value]
    elif word not in {"$patch", "$retainKeys", "$setElementOrder"}:
        raise not_emulated(f"the strategic merge directive {key}")


def _strategic_value(key: str, old: Any, new: Any) -> Any:
    if isinstance(new, dict):
        return _strategic(old, new)
    if not isinstance(new, list):
        return new
    if key in _MERGED_PRIMITIVES:
        return [*(old or ()), *(item for item in new if item not in (old or ()))]
    if key in MERGE_KEYS and all(isinstance(item, dict) for item in new):
        return _merge_list(MERGE_KEYS[key], list(old or ()), new)
    return new


def _merge_list(merge_key: str, result: list[Any], patch: list[dict[str, Any]]) -> list[Any]:
    if any(item.get("$patch") == "replace" for item in patch):
        return [item for item in patch if "$patch" not in item]
    for item in patch:
        if merge_key not in item:
            raise bad_request(f"map: {json.dumps(item)} does not contain declared merge key: {merge_key}")
        places = [index for index, old in enumerate(result) if old.get(merge_key) == item[merge_key]]
        if item.get("$patch") == "delete":
            result = [old for index, old in enumerate(result) if index not in places]
        elif places:
            result[places[0]] = _strategic(result[places[0]], item)
        else:
            result.append(_strategic({}, item))
    return result


def _order(result: dict[str, Any], field: str, order: list[Any]) -> None:
    if not isinstance(result.get(field), list):
        return
    key = MERGE_KEYS.get(field)
    identity: Callable[[Any], Any] = (lambda item: item.get(key)) if key else (lambda item: item)
    wanted = [entry[key] if key else entry for entry in order]
    result[field].sort(key=lambda item: wanted.index(identity(item)) if identity(item) in wanted else len(wanted))
