"""What a browser paints, where its document does not tell."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Page

SECONDS = 20


def sees_pdf(page: Page) -> bool:
    """Waits until the page's frame shows ``seed.pdf``, which is red; false where the browser has no viewer of PDFs."""
    if not page.evaluate("navigator.pdfViewerEnabled"):
        return False
    until = time.monotonic() + SECONDS
    while (red := _share_of_red(page)) < 0.1:
        assert time.monotonic() < until, f"the page that is red is not seen: {red:.0%}"
    return True


def _share_of_red(page: Page) -> float:
    picture = Image.open(io.BytesIO(page.locator("object").screenshot())).convert("RGB")
    pixels = picture.tobytes()
    reds = sum(1 for at in range(0, len(pixels), 3) if pixels[at] > 150 and pixels[at + 1] < 80 and pixels[at + 2] < 80)
    return reds * 3 / len(pixels)
