"""Which files can an executor not reach, with the very uid that owns them?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.runner.execute.conftest import Pod


def test_secrets_of_the_machine_and_of_the_pod_cannot_be_read(pod: Pod) -> None:
    (pod.root / "private").write_text("private")
    own = [str(pod.root / name) for name in ("trust/nonce", "trust", "result", "result/started", "private", ".")]
    paths = ["/etc/passwd", "/etc/shadow", "/etc/hostname", "/proc/self/environ", "/proc/1/cmdline", "/proc", "/", "/sys", *own]
    assert pod.run("escapes.read", paths=paths).answer == dict.fromkeys(paths, "EACCES")


def test_the_inputs_can_be_read(pod: Pod) -> None:
    paths = [str(pod.root / "in" / "instruction.json"), str(pod.root / "in" / "sources" / "data"), "/usr/lib", "/dev/urandom"]
    assert pod.run("escapes.read", paths=paths).answer == dict.fromkeys(paths, "allowed")


def test_the_working_directory_of_the_program_is_not_opened_by_an_empty_path_entry(pod: Pod) -> None:
    # `python -c` puts "" in front of sys.path, and PYTHONPATH may name the pod's own root.
    (pod.root / "private").write_text("private")
    env = {"PYTHONPATH": f"{pod.environment()['PYTHONPATH']}:{pod.root}:"}
    path = str(pod.root / "private")
    assert pod.run("escapes.read", paths=[path], env=env).answer == {path: "EACCES"}


def test_the_supervisors_environment_and_memory_cannot_be_read(pod: Pod) -> None:
    answer = pod.run("escapes.parents_secrets").answer
    assert answer == dict.fromkeys(("environ", "mem", "fd", "maps"), "EACCES")


def test_nothing_can_be_written_but_outputs_and_scratch(pod: Pod) -> None:
    closed = [
        str(pod.root / name) for name in ("in/go", "in/new", "result/envelope.json", "result/started", "trust/nonce", "new")
    ]
    closed += ["/tmp/regen-escape", "/usr/regen-escape", "/dev/shm/regen-escape"]
    opened = [str(pod.root / "out" / "new"), str(pod.root / "tmp" / "new"), "/dev/null"]
    run = pod.run("escapes.write", paths=[*closed, *opened])
    assert run.answer == {**dict.fromkeys(closed, "EACCES"), **dict.fromkeys(opened, "allowed")}
    assert run.result.error is None


def test_files_cannot_be_moved_or_linked_across_the_border(pod: Pod) -> None:
    answer = pod.run(
        "escapes.move_and_link",
        path=str(pod.root / "result" / "envelope.json"),
        existing=str(pod.root / "in" / "sources" / "data"),
    ).answer
    assert set(answer.values()) <= {"EACCES", "EXDEV"}
    assert (pod.root / "in" / "sources" / "data").read_bytes() == b"source bytes"


def test_outputs_are_plain_files_without_special_rights(pod: Pod) -> None:
    answer = pod.run("escapes.special_files").answer
    assert answer.pop("plain mode") == "allowed"
    assert answer == {
        "symlink": "EACCES",
        "fifo": "EACCES",
        "device": answer["device"],
        "set-user-id": "EPERM",
        "set-user-id at birth": "EPERM",
    }
    assert answer["device"] in {"EACCES", "EPERM"}
