"""How fast the history is written: SQLite beside PostgreSQL, one process beside two; each clip durable when it counts.

python benchmarks/writes.py [--database postgresql://...]    without it a private PostgreSQL is started, as in the tests

Eight threads add clips of 3 s and list a page after each, as visitors do. Says clips a second, the median of
the rounds, and how much a row takes with its indexes in PostgreSQL.
"""

import argparse
import multiprocessing
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import sqlalchemy as sa

from tests.fakes import prediction
from tests.postgres import Cluster
from utils.clip_store import ClipStore
from utils.errors import StoreError

THREADS = 8


def main() -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--database", help="URL of an empty PostgreSQL database")
    parser.add_argument("--clips", type=int, default=400, help="how many each process adds in a round (default: 400)")
    parser.add_argument("--rounds", type=int, default=5, help="the median of so many counts (default: 5)")
    options = parser.parse_args()
    cluster = None if options.database else Cluster(quick=False)
    url = options.database or cluster.new_database()
    try:
        for name, address in (("SQLite", None), ("PostgreSQL", url)):
            for processes in (1, 2):
                rates = [_round(address, processes, options.clips) for _ in range(options.rounds)]
                spread = f"{min(rates):.0f} to {max(rates):.0f}"
                print(
                    f"{name:10} {processes} processes: {statistics.median(rates):6.0f} clips/s ({spread})", flush=True
                )
        print(f"PostgreSQL: {_bytes_a_row(url):.0f} bytes a row, with indexes")
    finally:
        if cluster:
            cluster.end()
    return 0


def _round(address: str | None, processes: int, clips: int) -> float:
    """Clips a second."""
    with tempfile.TemporaryDirectory() as folder:
        ClipStore(Path(folder), address).close()
        context = multiprocessing.get_context("spawn")
        barrier = context.Barrier(processes + 1)
        workers = [context.Process(target=_write, args=[folder, address, clips, barrier]) for _ in range(processes)]
        for worker in workers:
            worker.start()
        barrier.wait()
        began = time.perf_counter()
        for worker in workers:
            worker.join()
        return processes * clips / (time.perf_counter() - began)


def _write(folder: str, address: str | None, clips: int, barrier: "multiprocessing.synchronize.Barrier") -> None:
    store = ClipStore(Path(folder), address)
    samples = np.zeros(48_000, np.float32)

    def add(number: int) -> None:
        visitor = f"visitor{number % 50}"
        while True:
            try:
                store.add(visitor, samples, prediction(), source="upload", filename="a.wav")
                break
            except StoreError:  # SQLite gives up waiting for another process after 5 s; visitors try again, too
                continue
        store.list(visitor)

    barrier.wait()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(add, range(clips)))
    store.close()


def _bytes_a_row(url: str) -> float:
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM FULL clips")
        size = connection.exec_driver_sql("SELECT pg_total_relation_size('clips')").scalar_one()
        rows = connection.exec_driver_sql("SELECT count(*) FROM clips").scalar_one()
    engine.dispose()
    return float(size) / rows


if __name__ == "__main__":
    sys.exit(main())
