"""Does a narrow terminal keep every id whole and leave out the least useful columns first?"""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from regen_cli import printing
from regen_cli.listing import COLUMNS, OPTIONAL
from regen_core.ids import new_job_id

if TYPE_CHECKING:
    from pytest_mock import MockerFixture


def rendered(mocker: MockerFixture, width: int, rows: list[list[str]]) -> list[str]:
    console = Console(file=StringIO(), width=width, highlight=False, markup=False, emoji=False)
    mocker.patch.object(printing, "console", return_value=console)
    built = printing.table(COLUMNS, rows, optional=OPTIONAL)
    with console.capture() as captured:
        console.print(built)
    return captured.get().splitlines()


def row(job_id: str) -> list[str]:
    return [job_id, "plan_regeneration", "FAILED validation", "10", "3m20s", "5h07m", "someone@platform.example"]


@pytest.mark.parametrize("width", [60, 70, 80, 100, 120, 200])
def test_ids_stay_whole_and_each_job_takes_one_line(mocker: MockerFixture, width: int) -> None:
    ids = [new_job_id() for _ in range(3)]
    heading, *lines = rendered(mocker, width, [row(one) for one in ids])
    assert [line.split()[0] for line in lines] == ids
    assert heading.split()[0] == "JOB"
    assert all(len(line) <= width for line in lines)


def test_the_least_useful_column_goes_first(mocker: MockerFixture) -> None:
    wide, narrow = (rendered(mocker, width, [row(new_job_id())])[0] for width in (200, 100))
    assert "REQUESTED BY" in wide
    assert "REQUESTED BY" not in narrow
    assert "AGE" in narrow


def test_a_terminal_narrower_than_the_id_wraps_nothing_but_the_last_column(mocker: MockerFixture) -> None:
    job_id = new_job_id()
    lines = rendered(mocker, 45, [row(job_id)])
    assert job_id in lines[1]
