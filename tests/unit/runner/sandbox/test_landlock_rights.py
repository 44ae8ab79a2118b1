"""Which rights does each Landlock ABI handle, and which does a grant give?"""

from __future__ import annotations

import pytest

from regen_runner.execute.sandbox import landlock


@pytest.mark.parametrize(
    ("abi", "highest"),
    [
        (1, landlock.MAKE_SYM),
        (2, landlock.REFER),
        (3, landlock.TRUNCATE),
        (4, landlock.TRUNCATE),
        (5, landlock.IOCTL_DEV),
        (6, landlock.IOCTL_DEV),
        (8, landlock.IOCTL_DEV),
        (9, landlock.RESOLVE_UNIX),
        (20, landlock.RESOLVE_UNIX),
    ],
)
def test_an_abi_handles_every_file_right_up_to_its_newest(abi: int, highest: int) -> None:
    assert landlock.file_rights(abi) == 2 * highest - 1


@pytest.mark.parametrize(("abi", "connect", "names"), [(3, False, 0), (4, False, 0b11), (4, True, 0b01), (7, False, 0b11)])
def test_tcp_rights_come_with_abi_4_and_egress_gives_connect_back(abi: int, names: int, *, connect: bool) -> None:
    assert landlock.net_rights(abi, connect=connect) == names


def test_this_kernel_has_landlock() -> None:
    # Not a skip: demo and tests without Landlock would prove nothing about the sandbox.
    assert landlock.abi_version() >= 1


def test_outputs_are_never_links_pipes_sockets_devices_or_programs() -> None:
    special = landlock.MAKE_SYM | landlock.MAKE_FIFO | landlock.MAKE_SOCK | landlock.MAKE_CHAR | landlock.MAKE_BLOCK
    assert landlock.WRITE & (special | landlock.EXECUTE | landlock.IOCTL_DEV) == 0
    assert landlock.SCRATCH & (landlock.MAKE_CHAR | landlock.MAKE_BLOCK | landlock.EXECUTE | landlock.IOCTL_DEV) == 0


def test_code_and_inputs_are_never_writable() -> None:
    changing = ~(landlock.READ_FILE | landlock.READ_DIR | landlock.EXECUTE)
    assert landlock.READ & changing == landlock.READ_AND_RUN & changing == 0
