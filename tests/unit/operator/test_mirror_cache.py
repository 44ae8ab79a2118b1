"""Does the cache keep the newest news, whatever order they come in?"""

from __future__ import annotations

from typing import Any

from regen_operator.mirror.cache import MirrorCache, read_entry

HOME = "regen"


def body(
    name: str = "regen-a",
    revision: int = 5,
    *,
    uid: str = "u",
    namespace: str = HOME,
    ours: bool = True,
    job_id: str = "a",
    **more: Any,
) -> Any:
    metadata: dict[str, Any] = {"name": name, "namespace": namespace, "uid": uid, "resourceVersion": str(revision)}
    metadata["creationTimestamp"] = "2026-01-02T03:04:05Z"
    if ours:
        metadata["labels"] = {"app.kubernetes.io/managed-by": "regen-operator"}
        metadata["annotations"] = {"regeneration.dev/job-id": job_id}
    return {"metadata": metadata, **more}


def cache_with(*bodies: Any) -> MirrorCache:
    cache = MirrorCache(HOME)
    for one in bodies:
        cache.observe(one)
    return cache


def test_older_news_never_replaces_newer() -> None:
    cache = cache_with(body(revision=9, status={"phase": "RUNNING"}), body(revision=10 - 2))
    assert cache.mirrors()["a"].status == {"phase": "RUNNING"}


def test_revisions_are_numbers() -> None:
    cache = cache_with(body(revision=9), body(revision=10, status={"phase": "RUNNING"}))
    assert cache.mirrors()["a"].status == {"phase": "RUNNING"}


def test_a_late_deletion_forgets_no_successor() -> None:
    cache = cache_with(body(uid="old"), body(uid="new", revision=7))
    cache.forget(HOME, "regen-a", "old")
    assert cache.mirrors()["a"].uid == "new"


def test_a_list_drops_what_is_gone_and_keeps_what_is_newer() -> None:
    cache = cache_with(
        body("regen-gone", 3, job_id="gone"),
        body("regen-new", 30, job_id="new"),
        body("other", 3, namespace="team", ours=False),
    )
    cache.replace(HOME, [read_entry(body("regen-listed", 8, job_id="listed"), HOME)], 20)
    names = {entry.name for entry in [*cache.mirrors().values(), *cache.user_created()]}
    assert names == {"other", "regen-new", "regen-listed"}
    assert len(cache) == 3


def test_only_our_label_name_and_namespace_together_make_a_mirror() -> None:
    assert read_entry(body(), HOME).is_mirror
    assert not read_entry(body(ours=False), HOME).is_mirror
    assert not read_entry(body(namespace="team"), HOME).is_mirror
    assert not read_entry(body("mine"), HOME).is_mirror
