"""A real PostgreSQL of the tests' own: a private cluster in a temporary folder, gone when they are."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

PASSWORD = "SECRETPASSWORD"
QUICK = {"fsync": "off", "full_page_writes": "off"}


class MissingError(Exception):
    """There is no PostgreSQL here; says why."""


class Cluster:
    """A server on 127.0.0.1 that asks for a password. As root it runs as nobody: PostgreSQL refuses to be root."""

    def __init__(self, *, quick=True):
        """`quick`: a crash of the machine would cost it its data."""
        self._settings = {"unix_socket_directories": "", "timezone": "Asia/Kolkata"} | (QUICK if quick else {})
        self._programs = _programs()
        self._as = _nobody() if os.geteuid() == 0 else {}
        self._folder = Path(tempfile.mkdtemp(prefix="postgres"))
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        (self._folder / "password").write_text(PASSWORD)
        if self._as:
            for path in (self._folder, self._folder / "password"):
                shutil.chown(path, self._as["user"], self._as["group"])
        how = ["--auth=scram-sha-256", f"--pwfile={self._folder / 'password'}", "--no-sync", "--no-instructions"]
        self._run("initdb", "--username=voice", "--encoding=UTF8", "--locale=C.UTF-8", *how)
        self.start()

    def start(self):
        options = " ".join(f"-c {name}='{value}'" for name, value in (self._settings | {"port": self.port}).items())
        self._run("pg_ctl", "start", "--wait", f"--log={self._folder / 'log'}", f"--options={options}")

    def stop(self, how="immediate"):
        self._run("pg_ctl", "stop", "--wait", f"--mode={how}")

    def url(self, name="postgres", password=PASSWORD):
        return f"postgresql://voice:{password}@127.0.0.1:{self.port}/{name}"

    def new_database(self):
        """The URL of an empty database."""
        import psycopg

        name = f"d{secrets.token_hex(6)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def end(self):
        self.stop()
        shutil.rmtree(self._folder)

    def _run(self, program, *arguments):
        command = [self._programs / program, f"--pgdata={self._folder / 'data'}", *arguments]
        done = subprocess.run(command, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **self._as)
        done.check_returncode()


def _nobody():
    import pwd

    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _programs():
    """The folder of initdb and pg_ctl; Debian has one for each version, outside the path."""
    if os.name == "nt":
        raise MissingError("the tests start PostgreSQL on Linux and macOS only")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("pg_ctl")
    if not found and not on_path:
        raise MissingError("there is no PostgreSQL here: apt install postgresql")
    return (found[-1] if found else Path(on_path).resolve()).parent
