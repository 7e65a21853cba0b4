"""Who judges the files of an analysis: processes of this machine, or the workers of a Dask cluster.

Processes, because decoding and features are Python and NumPy that hold each other up in threads, and because a file
that makes a decoder crash then ends one process and not the analysis. They are `concurrent.futures`' own: joblib's
(loky) would stop all work when one of them dies, and serving doesn't install it. A cluster looks the same from here,
by Dask's client as an executor; it gives the open files of a lost worker to others by itself.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from queue import Empty, SimpleQueue

from cli.judging import Entry, Task, failed, judge, prepare
from utils.cluster import cluster, require_workers
from utils.errors import UnreadableAudioError, WorkersError

FILES_AHEAD = 4  # for each process, beyond those that are answered
CLUSTER_AHEAD = 1000  # the same for a whole cluster, which may be a hundred workers
STALLED_SECONDS = 30.0  # without an answer, after which it is asked whether anybody works

_DEADLY = UnreadableAudioError("Reading this file ended the program that read it: convert it to WAV and try again.")


def by_processes(task: Task, files: Iterable[str], workers: int) -> Iterator[Entry]:
    """Answers in the order they are ready. A file that ends its process is an answer with an error.

    Args:
        task: what is asked.
        files: each name once.
        workers: how many processes.

    Raises:
        WorkersError: processes can't be started.
        BundleError: the model can't be loaded.
    """
    left, unanswered = iter(files), set[str]()
    while True:
        try:
            with _pool(workers) as pool:
                yield from _answers(pool, task, left, unanswered, FILES_AHEAD * workers)
            return
        except BrokenProcessPool:  # one of these did it
            suspects = sorted(unanswered)
            unanswered.clear()
            yield from _one_by_one(task, suspects)


def by_cluster(task: Task, files: Iterable[str], address: str) -> Iterator[Entry]:
    """Answers in the order they are ready, from the workers of the Dask cluster at `address`, also later ones.

    The workers have this program, the model and the files under the same names.

    Args:
        task: what is asked.
        files: each name once.
        address: of the scheduler, as tcp://host:8786.

    Raises:
        WorkersError: as `cluster`.
        BundleError: a worker can't load the model, or has another one.
    """
    with cluster(address) as client:
        from distributed import KilledWorker

        task = replace(task, folder=os.getcwd())
        client.run(prepare, task)
        pool = client.get_executor(pure=False)
        look = partial(require_workers, client)
        yield from _answers(pool, task, files, set(), CLUSTER_AHEAD, deadly=KilledWorker, look=look)


def _answers(
    pool: Executor,
    task: Task,
    files: Iterable[str],
    unanswered: set[str],
    ahead: int,
    deadly: type[Exception] | tuple[()] = (),
    look: Callable[[], None] = lambda: None,
) -> Iterator[Entry]:
    """Hands files to the pool, never more than `ahead` beyond those that are answered; they are in `unanswered`.

    `deadly` is what the pool raises for a file that ends workers; `look` is called when nothing happens for long.
    """
    done: SimpleQueue[tuple[str, Future[Entry]]] = SimpleQueue()

    def answer() -> Entry:
        while True:
            try:
                file, future = done.get(timeout=STALLED_SECONDS)
                break
            except Empty:
                look()
        try:
            entry = future.result()
        except deadly:
            entry = failed(file, _DEADLY)
        unanswered.discard(file)
        return entry

    for file in files:
        unanswered.add(file)
        with _deaf_to_ctrl_c():  # with a task may come a process
            future = pool.submit(judge, task, file)
        future.add_done_callback(partial(_hand_over, done, file))
        if len(unanswered) >= ahead:
            yield answer()
    while unanswered:
        yield answer()


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """A process that begins here is deaf to Ctrl-C from its first moment: only who asked for the work answers to it.

    One that comes meanwhile is not lost: it counts when the block is over.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    posix = sys.platform != "win32"
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT]) if posix else []  # which a process inherits
    try:
        yield
    finally:
        if posix:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt


def _hand_over(done: "SimpleQueue[tuple[str, Future[Entry]]]", file: str, future: "Future[Entry]") -> None:
    done.put((file, future))


def _one_by_one(task: Task, files: Iterable[str]) -> Iterator[Entry]:
    """Each file alone, to find out which of them it was."""
    left = deque(files)
    while left:
        with _pool(1) as pool:
            try:
                pool.submit(prepare, task).result()
            except BrokenProcessPool as error:
                raise WorkersError("Processes end as soon as they start: free some memory.") from error
            try:
                while left:
                    yield pool.submit(judge, task, left[0]).result()
                    left.popleft()
            except BrokenProcessPool:
                yield failed(left.popleft(), _DEADLY)


@contextmanager
def _pool(workers: int) -> Iterator[Executor]:
    """Processes; they are stopped at once when the block is left by an exception."""
    # spawn: a fork would copy the locks of ONNX Runtime's threads without the threads
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_begin)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    pool.shutdown()


def _begin() -> None:
    """In a new process: Ctrl-C is the parent's, and without a parent there is nobody to work for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)
