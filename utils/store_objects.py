"""Files of the history where a URL says: in a shared folder, an S3-style store, or any other that fsspec knows."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit
from urllib.request import url2pathname

from utils.errors import StoreError
from utils.store_files import Files, Folder, Known, PlaceError, id_prefix

BLOCK = 2**20  # bytes that are fetched at a time while a file is read
SHARD = 5  # leading hex digits of a name that name its folder: 19 hours of files
SWEPT = (timedelta(days=2), timedelta(hours=1))  # how old are the oldest and the youngest that a sweep looks at
OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {"config_kwargs": {"connect_timeout": 3, "read_timeout": 20, "retries": {"max_attempts": 1}}}
}
"""So that a store that is down is noticed while somebody still waits for the answer."""

_NO_URL = "CLIPS_URL can't be used: it looks like s3://bucket/prefix or file:///mnt/clips."


def open_files(folder: Path, url: str | None = None) -> Files:
    """The place that `url` names (file:///..., s3://bucket/prefix and whatever fsspec knows), else `folder`, made now.

    Raises:
        OSError: the folder can't be made, or the shared one isn't there.
        StoreError: the URL can't be used, or a package for it isn't installed.
    """
    if url is None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Folder(folder)
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in {"", "localhost"}:
        return Folder(Path(url2pathname(parts.path)), shared=True)
    if not parts.scheme or parts.scheme == "file":
        raise StoreError(_NO_URL)
    return Objects(url)


class Objects:
    """See `utils.store_files.Files`. One object is written, read or removed at a time, each all or nothing."""

    shared = True

    def __init__(self, url: str) -> None:
        """Reach nothing yet.

        Raises:
            StoreError: the URL can't be used, or a package for it isn't installed.
        """
        try:
            from fsspec.core import split_protocol, url_to_fs
        except ImportError as error:
            raise _not_installed() from error
        protocol, _ = split_protocol(url)
        options = OPTIONS.get(protocol, {})
        try:  # listings that are remembered would hide what other processes write and remove
            self._store, self._root = url_to_fs(url, use_listings_cache=False, skip_instance_cache=True, **options)
        except ImportError as error:
            raise _not_installed() from error
        except ValueError as error:
            raise StoreError(_NO_URL) from error

    def write(self, name: str, content: BinaryIO) -> None:
        """See Files."""
        try:
            with _translated(), self._store.open(self._key(name), "wb") as file:
                shutil.copyfileobj(content, file)
        except BaseException:  # half of it may be there: leaving `with` stores what was written until then
            self.remove([name])
            raise

    def open(self, name: str) -> BinaryIO:
        """See Files."""
        with _translated():
            file: BinaryIO = self._store.open(self._key(name), "rb", block_size=BLOCK)
        return file

    @contextmanager
    def at_hand(self, name: str) -> Iterator[Path]:
        """See Files; this is a copy."""
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, name)
            with _translated(), self.open(name) as file, copy.open("wb") as target:
                shutil.copyfileobj(file, target)
            yield copy

    def remove(self, names: Iterable[str]) -> None:
        """See Files."""
        keys = [self._key(name) for name in names]
        with _translated():
            try:
                if keys:
                    self._store.rm(keys)  # many in one request, where the store has one
            except FileNotFoundError:  # of some: what came after it is still there
                for key in keys:
                    with suppress(FileNotFoundError):
                        self._store.rm_file(key)

    def opening(self) -> nullcontext[bool]:
        """See Files; nobody can know who else is here."""
        return nullcontext(False)

    def sweep(self, known: Known, *, alone: bool) -> None:
        """See Files; names tell how old they are, and what is older than two days was swept before."""
        first, last = (id_prefix(datetime.now(timezone.utc) - age) for age in SWEPT)
        there = {name for name in self._names(first, last) if first <= name < last}
        self.remove(there - known(first))

    def close(self) -> None:
        """See Files."""

    def _key(self, name: str) -> str:
        return f"{self._root}/{name[:SHARD]}/{name}"

    def _names(self, first: str, last: str) -> Iterator[str]:
        for shard in range(int(first[:SHARD], 16), int(last[:SHARD], 16) + 1):
            with _translated():
                try:
                    keys = self._store.ls(f"{self._root}/{shard:0{SHARD}x}", detail=False)
                except FileNotFoundError:
                    continue
            yield from (key.rpartition("/")[2] for key in keys)


@contextmanager
def _translated() -> Iterator[None]:
    """Each store raises errors of its own; except for a file that isn't there, all mean that it can't be used now."""
    try:
        yield
    except (FileNotFoundError, PlaceError):
        raise
    except Exception as error:
        raise PlaceError("the store of files can't be used") from error


def _not_installed() -> StoreError:
    return StoreError("A package for CLIPS_URL is missing: install it with pip install -r requirements-scale.txt.")
