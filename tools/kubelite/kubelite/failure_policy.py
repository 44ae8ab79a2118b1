"""``spec.podFailurePolicy`` of a Job: the first rule that fits a failed pod decides.

Source: ``pkg/controller/job/pod_failure_policy.go``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kubelite.resources import Object


def is_ignored(job: Object, pod: Object) -> bool:
    """Whether the pod's failure does not count."""
    rule = _matching_rule(job, pod)
    return rule is not None and rule["action"] == "Ignore"


def job_failing_rule(job: Object, failed: Sequence[Object]) -> tuple[str, str] | None:
    """Reason and message of the Job's failure where a rule says FailJob."""
    for pod in failed:
        rule = _matching_rule(job, pod)
        if rule is not None and rule["action"] == "FailJob":
            return "PodFailurePolicy", f"{_why(pod, rule)} matching FailJob rule at index {rule['index']}"
    return None


def _why(pod: Object, rule: Mapping[str, Any]) -> str:
    name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    if "container" in rule:
        return f"Container {rule['container']} for pod {name} failed with exit code {rule['code']}"
    return f"Pod {name} has condition {rule['condition']}"


def _matching_rule(job: Object, pod: Object) -> dict[str, Any] | None:
    """The first rule that fits the pod, with its index and what fitted."""
    for index, rule in enumerate((job["spec"].get("podFailurePolicy") or {}).get("rules") or ()):
        fit = _by_exit_code(rule["onExitCodes"], pod) if "onExitCodes" in rule else _by_condition(rule["onPodConditions"], pod)
        if fit is not None:
            return {"action": rule["action"], "index": index, **fit}
    return None


def _by_exit_code(requirement: Mapping[str, Any], pod: Object) -> dict[str, Any] | None:
    status = pod.get("status") or {}
    for entry in [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]:
        state = entry.get("state", {}).get("terminated")
        if state is None or state["exitCode"] == 0 or requirement.get("containerName", entry["name"]) != entry["name"]:
            continue
        if (state["exitCode"] in requirement["values"]) == (requirement["operator"] == "In"):
            return {"container": entry["name"], "code": state["exitCode"]}
    return None


def _by_condition(patterns: Sequence[Mapping[str, Any]], pod: Object) -> dict[str, Any] | None:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    for pattern in patterns:
        wanted = (pattern["type"], pattern.get("status", "True"))
        if any((entry["type"], entry["status"]) == wanted for entry in conditions):
            return {"condition": pattern["type"]}
    return None
