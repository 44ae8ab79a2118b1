"""Does the embedded server start for any user, hold its settings, and leave nothing behind?"""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from regen_stack.postgres import Postgres, PostgresFailed

CHILD = """
import sys
from regen_stack.postgres import Postgres
server = Postgres()
server.start()
print(server._process.pid, server._folder, flush=True)
sys.stdin.read()
"""


def test_a_database_of_its_own_and_the_settings_asked_for() -> None:
    with Postgres(timezone="Asia/Tokyo", settings={"work_mem": "7MB"}) as server:
        url = server.create_database("made")
        with psycopg.connect(url) as connection:
            row = connection.execute(
                """SELECT current_database(), current_setting('TimeZone'), current_setting('work_mem'),
                          current_setting('fsync'), current_setting('unix_socket_directories'),
                          current_setting('listen_addresses')"""
            ).fetchone()
        assert row == ("made", "Asia/Tokyo", "7MB", "off", "", "127.0.0.1")
        server.drop_database("made")
        with pytest.raises(psycopg.OperationalError, match="does not exist"):
            psycopg.connect(url)


def test_a_login_needs_its_password() -> None:
    with Postgres() as server, pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.url(password="wrong"))


def test_a_restart_ends_every_connection_and_keeps_what_was_committed() -> None:
    with Postgres(settings={"synchronous_commit": "on"}) as server:
        url = server.create_database("kept")
        before = psycopg.connect(url, autocommit=True)
        before.execute("CREATE TABLE one (number int); INSERT INTO one VALUES (1)")
        server.restart()
        with pytest.raises(psycopg.OperationalError):
            before.execute("SELECT number FROM one")
        before.close()
        with psycopg.connect(url) as after:
            assert after.execute("SELECT number FROM one").fetchall() == [(1,)]


def test_nothing_is_left_behind() -> None:
    with Postgres() as server:
        process, folder, port = server._process, server._folder, server.port
    assert process is not None
    assert process.returncode == 0
    assert folder is not None
    assert not folder.exists()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    server.stop()


def test_a_server_that_cannot_start_says_why() -> None:
    with pytest.raises(PostgresFailed, match="no_such_setting"):
        Postgres(settings={"no_such_setting": "1"}).start()


def test_two_servers_at_once() -> None:
    with Postgres() as one, Postgres() as other:
        assert one.port != other.port
        for server in (one, other):
            psycopg.connect(server.url()).close()


@pytest.mark.skipif(os.geteuid() != 0, reason="not root: the server runs as whoever runs the tests")
def test_root_does_not_run_it_as_root() -> None:
    with Postgres() as server:
        assert server._process is not None
        assert Path(f"/proc/{server._process.pid}").stat().st_uid == 65534


def test_it_dies_with_its_parent() -> None:
    parent = subprocess.Popen([sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdin is not None
    assert parent.stdout is not None
    with parent.stdin, parent.stdout:
        pid, folder = parent.stdout.readline().split()
        server = os.pidfd_open(int(pid))
        try:
            parent.send_signal(signal.SIGKILL)
            parent.wait(30)
            assert _ended(server), "expected the server to end within 30 s of its parent"
        finally:
            os.close(server)
            shutil.rmtree(folder)  # what a killed parent cannot do


def _ended(pidfd: int) -> bool:
    """Whether the process ends within 30 s; a pidfd is readable from then on."""
    return bool(select.select([pidfd], [], [], 30)[0])
