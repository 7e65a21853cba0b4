"""Files of the history: written so that a crash leaves all or nothing, and tidied when a store is opened."""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows has none
    fcntl = None

STRAY_SECONDS = 600.0  # older than any write can be that is still going on


def write_durably(path: Path, data: bytes) -> None:
    """Write a new file; once this returns it survives a crash, and if it raises there is nothing.

    Raises:
        OSError: the disk is full, read-only or gone.
    """
    part = path.with_name(f"{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
        sync_folder(path.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a crash (Windows does it by itself, and can't be asked)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_strays(folder: Path, *, keep: set[str], all_ages: bool) -> None:
    """Remove clips that no row knows, and unfinished files; the young, perhaps being added, if `all_ages`."""
    oldest = time.time() - STRAY_SECONDS
    for path in folder.iterdir():
        if path.suffix not in {".wav", ".part"} or path.name in keep:
            continue
        try:
            if all_ages or path.stat().st_mtime < oldest:
                path.unlink()
        except FileNotFoundError:
            continue  # another process was quicker


class FolderLock:
    """Tells whether other live processes use a folder; the system lets go of it when a process dies."""

    def __init__(self, path: Path) -> None:
        """Open the lock file, made if need be, without locking it yet.

        Raises:
            OSError: it can't be made.
        """
        self._file = path.open("ab")

    @contextmanager
    def opening(self) -> Iterator[bool]:
        """Yields whether nobody else has the folder open, and keeps others out; then shares it."""
        if fcntl is None:
            yield False
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone = True
        except BlockingIOError:
            fcntl.flock(self._file, fcntl.LOCK_SH)
            alone = False
        yield alone
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def release(self) -> None:
        """Let the folder go."""
        self._file.close()
