"""``plan_regeneration``: a learner's plan, week by week, as JSON and as a printable PDF."""

from __future__ import annotations

from regen_executors.plan.executor import PlanExecutor

__all__ = ["PlanExecutor"]
