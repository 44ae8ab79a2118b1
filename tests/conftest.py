"""What every suite shares. Each folder's conftest says what it mocks and what it does not."""

from __future__ import annotations

pytest_plugins = ["tests.database_fixtures", "tests.s3_fixtures", "tests.not_proven"]
