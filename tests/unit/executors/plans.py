"""What the tests of plans share: inputs as an instruction has them, and the plan that is made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from regen_executors.plan.assembling import assembled
from regen_executors.plan.inputs import plan_inputs
from regen_plan_catalogue import CatalogueProvider

if TYPE_CHECKING:
    from regen_executors.plan.model import Plan

GOOD: dict[str, Any] = {"topic": "Python", "skillLevel": "beginner", "weeklyHours": 5, "learningStyle": "mixed"}
LEVELS = ("beginner", "intermediate", "advanced")
STYLES = ("reading", "video", "practice", "mixed")
NAMED = ("python", "SQL", "web development", "machine learning", "interview prep", "statistics", "Spanish", "public speaking")

some_topic = st.sampled_from([*NAMED, "beekeeping", "Python and chess", "How to bake bread"]) | st.text(
    st.characters(codec="utf-8", exclude_categories=["C"]), min_size=3, max_size=80
).filter(lambda text: len(" ".join(text.split())) >= 3)
some_inputs = st.fixed_dictionaries(
    {
        "topic": some_topic,
        "skillLevel": st.sampled_from(LEVELS),
        "weeklyHours": st.integers(1, 80),
        "learningStyle": st.sampled_from(STYLES),
    }
)


def plan_of(**given: Any) -> Plan:
    inputs = plan_inputs({**GOOD, **given})
    provider = CatalogueProvider()
    return assembled(inputs, provider.curriculum(inputs), provider.about)
