"""``asset``: an image, resized, cropped, watermarked and stripped of its metadata, in other formats and sizes."""

from __future__ import annotations

from regen_executors.asset.executor import AssetExecutor

__all__ = ["AssetExecutor"]
