"""A catalogue of lessons: a provider of the executor ``plan_regeneration``, found by its entry point."""

from __future__ import annotations

from regen_plan_catalogue.provider import CatalogueProvider

__all__ = ["CatalogueProvider"]
