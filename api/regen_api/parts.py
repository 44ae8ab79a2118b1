"""The parts of one application, made once and found at ``request.app.state.parts``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regen_api.auth.authentication import Authenticator
from regen_api.auth.rates import Rates
from regen_api.database import Database
from regen_api.jobs.service import Jobs
from regen_api.metrics import Metrics
from regen_api.objects.choose import objects_at
from regen_api.objects.download import Downloads
from regen_api.plans.service import Plans

if TYPE_CHECKING:
    from regen_api.settings import Settings


@dataclass(frozen=True, slots=True)
class Parts:
    """What routes work with."""

    settings: Settings
    database: Database
    jobs: Jobs
    plans: Plans
    downloads: Downloads
    authenticator: Authenticator
    rates: Rates
    metrics: Metrics

    @classmethod
    def make(cls, settings: Settings) -> Parts:
        """The parts; nothing is connected yet."""
        database = Database(
            settings.database_url, pool_size=settings.database_pool_size, timeout_seconds=settings.database_timeout_seconds
        )
        metrics = Metrics()
        return cls(
            settings=settings,
            database=database,
            jobs=Jobs(database),
            plans=Plans(database, settings, metrics.jobs.labels("plan").inc),
            downloads=Downloads(
                objects_at(settings.output_url, os.environ, settings.store_timeout_seconds), settings.store_timeout_seconds
            ),
            authenticator=Authenticator(settings),
            rates=Rates(settings.rate_limit_per_minute),
            metrics=metrics,
        )

    async def close(self) -> None:
        """Lets every connection go."""
        self.downloads.close()
        await self.authenticator.close()
        await self.database.close()
