"""Is a store that would overwrite found out before anything is written to it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from regen_core.errors import StoreUnsafe
from regen_store.write import open_store
from tests.integration.store.conftest import SilentHandler, s3_that_answers

if TYPE_CHECKING:
    from pathlib import Path

    from regen_store.port import Store


def test_that_a_good_store_passes_each_time(store: Store) -> None:
    store.probe()
    store.probe()


def test_that_a_server_which_ignores_the_condition_is_refused() -> None:
    class AcceptsEverything(SilentHandler):
        def put(self) -> None:
            self.body()
            self.answer(200, ETag='"x"')

    with s3_that_answers(AcceptsEverything) as environment, pytest.raises(StoreUnsafe, match="expected 412"):
        open_store("s3://bucket/prefix", environment).probe()


def test_that_a_server_which_does_not_know_the_condition_is_refused() -> None:
    class DoesNotKnow(SilentHandler):
        def put(self) -> None:
            self.body()
            self.refuse(501, "NotImplemented")

    with s3_that_answers(DoesNotKnow) as environment, pytest.raises(StoreUnsafe, match="knows If-None-Match"):
        open_store("s3://bucket/prefix", environment).probe()


def test_that_a_folder_which_replaces_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_away(*_: object) -> bool:
        return False

    def replace(_folder: int, name: str, _key: str, body: object, _sha256: str) -> bool:
        (tmp_path / name).write_bytes(body.read())  # type: ignore[attr-defined]
        return True

    monkeypatch.setattr("regen_store.write_file._taken", look_away)
    monkeypatch.setattr("regen_store.write_file._create", replace)
    with pytest.raises(StoreUnsafe, match="refuses to create a file twice"):
        open_store(tmp_path.as_uri(), {}).probe()
