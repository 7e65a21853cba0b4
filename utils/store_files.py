"""Files of the history: the interface to them, and a folder, written so that a crash leaves all or nothing."""

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import BinaryIO, Protocol

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows has none
    fcntl = None

STRAY_SECONDS = 600.0  # older than any write can be that is still going on

Known = Callable[[str], set[str]]
"""Given a name, the names from there on, in order, that somebody refers to."""


class Files(Protocol):
    """Files by name in one place; several threads, processes and, in a shared place, machines may use it at once.

    A name is one part of a path and begins with `id_prefix` of the moment it was chosen. Every method raises
    OSError when the place can't be used now.
    """

    shared: bool
    """Whether other machines write here: then a file that isn't seen now may be seen later."""

    def write(self, name: str, content: BinaryIO) -> None:
        """Keep a new file: once this returns it survives a crash, and if it raises there is nothing."""
        ...

    def open(self, name: str) -> BinaryIO:
        """The file, to be read from any position; FileNotFoundError if there is none."""
        ...

    def at_hand(self, name: str) -> AbstractContextManager[Path]:
        """The file, or a copy for as long as this is open, under a path of this machine; FileNotFoundError as above."""
        ...

    def remove(self, names: Iterable[str]) -> None:
        """Remove files for good; those that are gone already are no error."""
        ...

    def opening(self) -> AbstractContextManager[bool]:
        """Open the place, where possible with nobody else opening it meanwhile; yields whether nobody else uses it."""
        ...

    def sweep(self, known: Known, *, alone: bool) -> None:
        """Remove what crashed writers left; the young too, which others may be writing, if `alone`."""
        ...

    def close(self) -> None:
        """Let the place go."""
        ...


class PlaceError(OSError):
    """A place that isn't on this machine can't be reached, or refuses."""


def id_prefix(moment: datetime) -> str:
    """The time in microseconds (14 hex digits): ids begin with it, so they sort by age and serve as cursors."""
    return f"{int(moment.timestamp() * 1_000_000):014x}"


class Folder:
    """Files in a folder of this machine, or in one that machines share (`shared`), which must be there already."""

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        self.path, self.shared = path, shared
        self._lock = FolderLock(path / ".lock")

    def write(self, name: str, content: BinaryIO) -> None:
        """See Files."""
        write_durably(self.path / name, content)

    def open(self, name: str) -> BinaryIO:
        """See Files."""
        return (self.path / name).open("rb")

    @contextmanager
    def at_hand(self, name: str) -> Iterator[Path]:
        """See Files; this is the file itself."""
        (self.path / name).stat()
        yield self.path / name

    def remove(self, names: Iterable[str]) -> None:
        """See Files."""
        for name in names:
            (self.path / name).unlink(missing_ok=True)
        sync_folder(self.path)

    def opening(self) -> AbstractContextManager[bool]:
        """See Files."""
        return self._lock.opening()

    def sweep(self, known: Known, *, alone: bool) -> None:
        """See Files."""
        remove_strays(self.path, keep=known(""), all_ages=alone and not self.shared)

    def close(self) -> None:
        """See Files."""
        self._lock.release()


def write_durably(path: Path, content: BinaryIO) -> None:
    """Write a new file; once this returns it survives a crash, and if it raises there is nothing.

    Raises:
        OSError: the disk is full, read-only or gone.
    """
    part = path.with_name(f"{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            shutil.copyfileobj(content, file)
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
    """Remove .wav files that nobody knows, and unfinished ones; the young, perhaps being added, if `all_ages`."""
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
