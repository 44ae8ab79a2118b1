"""Is the provider of lessons the installed package that the executor class names, and is a missing one named?"""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

import pytest

from regen_executors.plan import provider
from regen_executors.plan.provider import GROUP, VARIABLE, chosen_provider
from regen_plan_catalogue import CatalogueProvider

if TYPE_CHECKING:
    from pytest_mock import MockerFixture


@pytest.mark.parametrize("environ", [{}, {VARIABLE: ""}, {VARIABLE: "catalogue"}])
def test_the_catalogue_is_found_by_its_entry_point(environ: dict[str, str]) -> None:
    found = chosen_provider(environ)
    assert isinstance(found, CatalogueProvider)
    assert found.about.name == "catalogue"


def test_a_provider_that_is_not_installed_is_named() -> None:
    with pytest.raises(ValueError, match=r"no installed package provides 'mine'\. Installed: catalogue, openai\."):
        chosen_provider({VARIABLE: "mine"})


def test_without_the_catalogue_the_error_says_what_to_do(mocker: MockerFixture) -> None:
    mocker.patch.object(provider, "entry_points", return_value=())
    with pytest.raises(
        ValueError, match=r"provides 'catalogue'\. Installed: openai\. Install one package for it, or choose another"
    ):
        chosen_provider({})


def test_two_packages_of_one_name_are_refused(mocker: MockerFixture) -> None:
    claim = EntryPoint("catalogue", "regen_plan_catalogue:CatalogueProvider", GROUP)
    mocker.patch.object(provider, "entry_points", return_value=(claim, claim))
    with pytest.raises(ValueError, match="more than one installed package provides 'catalogue'"):
        chosen_provider({})
