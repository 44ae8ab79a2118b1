"""Is the chart's CustomResourceDefinition the repository's one?"""

from __future__ import annotations

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "crds" / "regenerationjobs.regeneration.dev.yaml"


def test_the_charts_file_is_the_source() -> None:
    """Helm follows a link out of the chart; a checkout without links leaves its target's path as text, which differs here."""
    assert (ROOT / "charts" / "regen" / "crd.yaml").read_bytes() == SOURCE.read_bytes()


def test_an_uninstall_keeps_the_definition() -> None:
    """Deleting the definition would delete every custom resource."""
    annotations = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))["metadata"]["annotations"]
    assert annotations["helm.sh/resource-policy"] == "keep"
