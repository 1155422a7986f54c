"""Processes of a test's own: the installed command line, as a user types it, several at once, and servers."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

import psycopg
import pytest
import requests

CPFD = str(Path(sys.executable).with_name("cpfd"))
LONGEST = 120  # seconds that a test waits for each
DEBIANS = Path("/usr/lib/postgresql")  # a folder of programs a version


def exit_codes(*children: BaseProcess) -> list[int | None]:
    """Start all, wait for all. A negative code is that of the signal that ended it; None is of one that goes on."""
    for child in children:
        child.start()
    for child in children:
        child.join(LONGEST)
    return [child.exitcode for child in children]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def mlflow_server(given: list[str], port: int, folder: Path, **environment: str) -> Iterator[str]:
    """``mlflow server`` with these arguments, which say the port. Yields its URL."""
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", *given],
            stdout=log, stderr=log, cwd=folder, start_new_session=True, env={**os.environ, **environment},
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + LONGEST  # 10 to 23 seconds on two idle cores
        while not _answers(f"{url}/health"):
            assert process.poll() is None, (folder / "server.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.5)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL server on loopback; skips the test where there is none. Yields HOST:PORT, with its user."""
    found = sorted(DEBIANS.glob("*/bin/initdb"))
    program = shutil.which("initdb") or (found and str(found[-1]))
    if not program:
        pytest.skip("NO POSTGRESQL HERE: what is kept in one was not tested ('apt install postgresql')")
    folder = Path(tempfile.mkdtemp(prefix="cpfd-postgres-"))
    programs = Path(program).resolve().parent
    user = None
    if os.getuid() == 0:  # it refuses to be run by root
        user = "postgres" if "postgres" in {each.pw_name for each in pwd.getpwall()} else "nobody"
        shutil.chown(folder, user)
    data, port = folder / "data", free_port()
    made = [programs / "initdb", "--pgdata", data, "--username", "cpfd", "--auth", "trust", "--no-sync", "-E", "UTF8"]
    subprocess.run([*map(str, made), "--locale", "C"], check=True, capture_output=True, user=user, cwd=folder)
    served = [programs / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", "", "-F"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(list(map(str, served)), stdout=log, stderr=log, user=user, cwd=folder)
    try:
        server = f"cpfd@127.0.0.1:{port}"
        _wait_for(f"postgresql://{server}/postgres", process)
        yield server
    finally:
        process.terminate()
        process.wait(LONGEST)
        shutil.rmtree(folder)


def new_database(server: str) -> str:
    """The URL of a new and empty database of a PostgreSQL server, as SQLAlchemy and MLflow write it."""
    name = f"test_{secrets.token_hex(4)}"
    with psycopg.connect(f"postgresql://{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    return f"postgresql+psycopg://{server}/{name}"


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + LONGEST
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            assert process.poll() is None, "PostgreSQL ended"
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return
