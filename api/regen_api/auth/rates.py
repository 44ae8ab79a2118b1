"""How often one subject may ask. Counted in this process: with N replicas behind a balancer the rate is N times as high."""

from __future__ import annotations

import math
import time
from http import HTTPStatus

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from regen_api.problems import Problem


class Rates:
    """A sliding window of a minute for each subject; a limit of 0 is none."""

    def __init__(self, per_minute: int) -> None:
        self._item = RateLimitItemPerMinute(per_minute) if per_minute else None
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def spend(self, subject: str) -> None:
        """Counts one request.

        Raises:
            Problem: 429 with Retry-After once the minute's are used up.
        """
        if self._item is None or await self._limiter.hit(self._item, subject):
            return
        window = await self._limiter.get_window_stats(self._item, subject)
        seconds = max(1, math.ceil(window.reset_time - time.time()))
        raise Problem(
            HTTPStatus.TOO_MANY_REQUESTS,
            "too-many-requests",
            f"expected at most {self._item.amount} requests per minute",
            headers={"Retry-After": str(seconds)},
        )
