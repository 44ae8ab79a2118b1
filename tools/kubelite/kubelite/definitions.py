"""CustomResourceDefinitions: checked, given defaults and established at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from kubelite import jsonpath
from kubelite.deletion import CRD_CLEANUP
from kubelite.errors import FieldError, not_emulated
from kubelite.schema import structure_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubelite.resources import Object


def definition_errors(definition: Object) -> Iterator[FieldError]:
    """What is wrong with a definition.

    Raises:
        APIError: 501 for several served versions, a conversion webhook or a printer column's path that is not emulated.
    """
    spec = definition.get("spec") or {}
    names = spec.get("names") or {}
    for path, value in (("group", spec), ("scope", spec), ("versions", spec), ("plural", names), ("kind", names)):
        if not value.get(path):
            yield FieldError(f"spec.{'names.' if value is names else ''}{path}", "FieldValueRequired")
            return
    wanted = f"{names['plural']}.{spec['group']}"
    if definition["metadata"]["name"] != wanted:
        text = f'{json.dumps(definition["metadata"]["name"])}: must be spec.names.plural+"."+spec.group'
        yield FieldError("metadata.name", "FieldValueInvalid", text)
    if (spec.get("conversion") or {}).get("strategy", "None") != "None":
        raise not_emulated("conversion webhooks")
    served = [index for index, version in enumerate(spec["versions"]) if version.get("served")]
    if len(served) != 1:
        raise not_emulated("a custom resource with other than one served version")
    version = spec["versions"][served[0]]
    path = f"spec.versions[{served[0]}].schema.openAPIV3Schema"
    if not (version.get("schema") or {}).get("openAPIV3Schema"):
        yield FieldError(path, "FieldValueRequired", "schemas are required")
        return
    yield from structure_errors(version["schema"]["openAPIV3Schema"], path)
    for column in version.get("additionalPrinterColumns") or ():
        jsonpath.steps(column["jsonPath"])


def establish(definition: Object, now: str) -> None:
    """Writes the defaults of a new or changed definition, and the status that its names are accepted and served."""
    spec, meta = definition["spec"], definition["metadata"]
    names = spec["names"]
    names.setdefault("singular", names["kind"].lower())
    names.setdefault("listKind", f"{names['kind']}List")
    spec.setdefault("conversion", {"strategy": "None"})
    if "deletionTimestamp" not in meta and CRD_CLEANUP not in (meta.get("finalizers") or ()):
        meta["finalizers"] = [*(meta.get("finalizers") or ()), CRD_CLEANUP]
    conditions = [
        {"type": "NamesAccepted", "status": "True", "reason": "NoConflicts", "message": "no conflicts found"},
        {
            "type": "Established",
            "status": "True",
            "reason": "InitialNamesAccepted",
            "message": "the initial names have been accepted",
        },
    ]
    old = {condition["type"]: condition for condition in (definition.get("status") or {}).get("conditions", ())}
    definition["status"] = {
        "acceptedNames": dict(names),
        "conditions": [old.get(entry["type"], entry | {"lastTransitionTime": now}) for entry in conditions],
        "storedVersions": [version["name"] for version in spec["versions"] if version.get("storage")],
    }
