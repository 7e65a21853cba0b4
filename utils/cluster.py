"""A Dask cluster, for work that one machine takes too long for: how it is reached, and what goes wrong in sentences."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from utils.errors import WorkersError

CONNECT_SECONDS = 10.0

_LACKING = (
    "The scheduler or a worker of the cluster lacks this program: start them with `python -m dask` in its folder, "
    "with the same packages."
)


@contextmanager
def cluster(address: str) -> Iterator[Any]:
    """The `distributed.Client` of a cluster.

    Its scheduler and workers are started in this program's folder and have the same packages; what the workers are
    asked to read lies where all of them find it under the same name.

    Args:
        address: of the scheduler, as tcp://host:8786.

    Raises:
        WorkersError: Dask is not installed, the cluster can't be reached, is lost on the way, or its workers lack
            something.
    """
    try:
        from distributed import Client, KilledWorker
    except ImportError as error:
        raise WorkersError('A cluster needs a package: run `pip install "dask[distributed]"`.') from error
    from concurrent.futures import CancelledError

    for name in [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "distributed"]:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters of what they say is an error here
    client: Any = Client.__new__(Client)
    try:
        client.__init__(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        # Now: garbage collection might do it while another client holds the lock that it waits for.
        with suppress(OSError, TimeoutError):
            client.close()
        raise WorkersError(f"There is no Dask scheduler at {address}: start one, or correct the address.") from error
    try:
        with client:
            require_workers(client)
            try:
                client.run(present)
                client.run_on_scheduler(present)  # it reads what it hands out
            except Exception as error:  # their exceptions arrive as plain ones
                raise WorkersError(_LACKING) from error
            yield client
    except (ModuleNotFoundError, RuntimeError) as error:  # a worker that came later
        raise WorkersError(_LACKING) from error
    except (OSError, TimeoutError, CancelledError, KilledWorker) as error:
        raise WorkersError("The Dask cluster was lost: start it again.") from error


def present() -> None:
    """Does nothing: where it can be called, this program is there."""


def require_workers(client: Any) -> None:
    """Makes sure that somebody works.

    Raises:
        WorkersError: the cluster has no workers.
    """
    if not client.nthreads():
        raise WorkersError("The Dask cluster has no workers: start some.")
