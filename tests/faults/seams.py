"""Where the crash points are: the product's own functions and methods that have an effect, each given a name.

The product holds no line of this. ``crash.py`` wraps these seams in a process of the tests; a seam that is no more, or an
effect without one, fails ``test_every_effect_has_a_point``. Only the standard library: every container of a job reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Seam:
    """One function or method of the product.

    Attributes:
        program: ``operator``, ``prepare``, ``execute``, ``publish`` or ``migrate``.
        target: ``module:name`` or ``module:Class.method``.
        effect: the effect's name by the call's arguments (those of a method with its object); None for no effect.
        in_sandbox: the call puts the sandbox on, in which no file outside can be opened any more.
    """

    program: str
    target: str
    effect: Callable[[tuple[Any, ...], Mapping[str, Any]], str | None]
    in_sandbox: bool = False


def _always(name: str) -> Callable[[tuple[Any, ...], Mapping[str, Any]], str | None]:
    return lambda _arguments, _named: name


_CREATED = {"jobs": "job_create", "regenerationjobs": "cr_create", "events": "event_create", "leases": "lease_create"}
_DELETED = {"jobs": "job_delete", "regenerationjobs": "cr_delete"}


def _status_patch(arguments: tuple[Any, ...]) -> str:
    return f"status_{str(arguments[4].get('phase') or 'refused').lower()}"


def _lease_write(arguments: tuple[Any, ...]) -> str:
    return "lease_renew" if arguments[4]["spec"]["holderIdentity"] else "lease_release"


def _file(path: Any) -> str:
    return {"nonce": "nonce", "instruction.json": "instruction", "go": "go_file"}[path.name]


def _put(key: str) -> str | None:
    return {
        ".regen-probe": None,
        "first.txt": "first_put",
        "noop.txt": "first_put",
        "second.txt": "second_put",
        "provenance.intoto.jsonl": "provenance_put",
        "manifest.json": "manifest_put",
        "executor.log": "log_put",
    }[key.rpartition("/")[2]]


SEAMS: tuple[Seam, ...] = (
    Seam("operator", "regen_operator.rows.database:Database.claim", _always("claim")),
    Seam("operator", "regen_operator.rows.database:Database.fail", _always("fail")),
    Seam("operator", "regen_operator.rows.database:Database.ingest", _always("ingest")),
    Seam("operator", "regen_operator.rows.database:Database.repair_audit", _always("audit_repair")),
    Seam("operator", "regen_operator.kube.client:KubeClient.create", lambda a, _: _CREATED[a[1].plural]),
    Seam("operator", "regen_operator.kube.client:KubeClient.replace", lambda a, _: _lease_write(a)),
    Seam("operator", "regen_operator.kube.client:KubeClient.patch_status", lambda a, _: _status_patch(a)),
    Seam("operator", "regen_operator.kube.client:KubeClient.patch_labels", _always("cr_label")),
    Seam("operator", "regen_operator.kube.client:KubeClient.delete", lambda a, _: _DELETED[a[1].plural]),
    Seam("prepare", "regen_runner.database:RunnerDatabase.start", _always("fence")),
    Seam("prepare", "regen_runner.database:RunnerDatabase.fail", _always("report")),
    Seam("prepare", "regen_runner.prepare.main:create", lambda a, _: _file(a[0])),
    Seam("prepare", "regen_runner.prepare.sources:_fetched", _always("source")),
    Seam("execute", "regen_runner.execute.main:_enter", _always("start_mark")),
    Seam("execute", "regen_runner.execute.supervisor:supervise", _always("supervision")),
    Seam("execute", "regen_runner.execute.supervisor:_Run.watch", _always("watch")),
    Seam("execute", "regen_runner.execute.sandbox:apply", _always("sandbox"), in_sandbox=True),
    Seam("execute", "regen_runner.execute.child:_run", _always("executor")),
    Seam("execute", "regen_runner.execute.child:_send", _always("child_report")),
    Seam("execute", "regen_runner.execute.main:_write_durably", _always("envelope")),
    Seam("publish", "regen_runner.publish.main:read_evidence", _always("evidence")),
    Seam("publish", "regen_store.write_s3:S3Store.probe", _always("probe")),
    Seam("publish", "regen_store.write_s3:S3Store.put", lambda a, _: _put(a[1])),
    Seam("publish", "regen_store.write_s3:S3Store.head", _always("head")),
    Seam("publish", "regen_runner.database:RunnerDatabase.complete", _always("commit")),
    Seam("publish", "regen_runner.database:RunnerDatabase.fail", _always("report")),
    Seam("migrate", "regen_schema.migrate:_lock_out_others", _always("lock")),
    Seam("migrate", "regen_schema.roles:ensure", _always("roles")),
    Seam("migrate", "regen_schema.roles:become_owner", _always("owner")),
    Seam("migrate", "regen_schema.adoption:make_table_if_missing", _always("table")),
    Seam("migrate", "regen_schema.adoption:settle_rows", _always("rows")),
    Seam("migrate", "regen_schema.adoption:validate_state_check", _always("check")),
    Seam("migrate", "alembic.command:upgrade", _always("versions")),
    Seam("migrate", "regen_schema.roles:grant", _always("grants")),
    Seam("migrate", "regen_schema.migrate:migrate", _always("commit")),
)

PORTS: Mapping[str, frozenset[str]] = {
    "regen_operator.rows.database:Database": frozenset(
        {
            "open",
            "close",
            "clock",
            "facts",
            "running",
            "overdue",
            "ended",
            "mirror",
            "instructions",
            "waiting",
            "queue_groups",
            "running_by_type",
            "outcomes",
            "audited",
            "claim_held",
            "doubts",
        }
    ),
    "regen_operator.kube.client:KubeClient": frozenset({"get", "pages", "connection_info"}),
    "regen_runner.database:RunnerDatabase": frozenset(),
    "regen_store.write_s3:S3Store": frozenset({"url"}),
}
"""The ports, each with its methods that change nothing and so need no point."""
