"""Who judges: real processes, and a real cluster of worker processes of which one is killed in the middle."""

import gc
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest

from benchmarks.voices import speak
from cli import crew, judging
from cli.crew import by_cluster, by_processes
from cli.judging import Task
from tests import crew_fakes
from tests.made_up import tiny_bundle
from utils.decoding import encode_wav
from utils.errors import BundleError, WorkersError
from utils.predictor import Predictor

ROOT = Path(crew.__file__).parents[1]
TASK = Task("models", "0")

pytestmark = pytest.mark.slow  # every process starts an interpreter


@pytest.fixture
def named(monkeypatch):
    """Files are answered by their names."""
    monkeypatch.setattr(crew, "judge", crew_fakes.named)
    monkeypatch.setattr(crew, "prepare", crew_fakes.ready)


def test_processes_answer_each_file_once_and_side_by_side(named):
    files = [f"slow-{i}" for i in range(30)]
    entries = list(by_processes(TASK, files, workers=2))
    assert Counter(entry["file"] for entry in entries) == Counter(files)
    assert len({entry["process"] for entry in entries}) == 2


def test_a_file_that_ends_its_process_is_an_error_and_the_others_are_answered(named):
    files = [f"{i}" for i in range(6)] + ["deadly-a"] + [f"more-{i}" for i in range(6)] + ["deadly-b"]
    entries = list(by_processes(TASK, files, workers=2))
    assert Counter(entry["file"] for entry in entries) == Counter(files)
    failed = [entry for entry in entries if "error" in entry]
    assert {entry["file"] for entry in failed} == {"deadly-a", "deadly-b"}
    assert "convert it" in failed[0]["error"]["message"]


def test_a_machine_that_starts_no_process_is_a_sentence_and_blames_no_file(monkeypatch):
    monkeypatch.setattr(crew, "judge", crew_fakes.named)
    monkeypatch.setattr(crew, "prepare", crew_fakes.broken)
    with pytest.raises(WorkersError, match="free some memory"):
        list(by_processes(TASK, ["deadly", "other"], workers=1))


def test_a_model_that_cannot_be_loaded_ends_the_work(tmp_path):
    with pytest.raises(BundleError):
        list(by_processes(Task(str(tmp_path), "0"), ["a.wav"], workers=1))


def test_processes_are_gone_when_nobody_waits_for_more(named):
    entries = by_processes(TASK, (f"slow-{i}" for i in range(10**6)), workers=2)
    next(entries)
    assert multiprocessing.active_children()
    entries.close()
    deadline = time.monotonic() + 60
    while multiprocessing.active_children():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_processes_are_gone_when_their_parent_is_killed():
    code = (
        "from cli import crew; from cli.judging import Task; from tests import crew_fakes\n"
        "if __name__ == '__main__':\n"
        "    crew.judge = crew_fakes.named\n"
        "    for entry in crew.by_processes(Task('', ''), ['a', 'slow'] * 5000, 2): print(entry['process'], flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": "."}
    ) as process:
        child = int(process.stdout.readline())
        process.kill()
    deadline = time.monotonic() + 60
    while is_alive(child):
        assert time.monotonic() < deadline, "it waits for ever"
        time.sleep(0.1)


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/status")
    return not status.exists() or "Z (zombie)" not in status.read_text()


# --- A cluster


@pytest.fixture(scope="module")
def local_cluster():
    """Two workers, each a process of its own with one thread."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def voices(tmp_path_factory):
    folder = tmp_path_factory.mktemp("voices")
    sounds = [encode_wav(speak(1.5, seed=i)) for i in range(6)]
    files = [folder / f"{i:03}.wav" for i in range(150)]
    for i, file in enumerate(files):
        file.write_bytes(sounds[i % 6])
    (folder / "007.wav").write_bytes(b"no sound")
    return [str(file) for file in files]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def task(models):
    return Task(str(models), Predictor.load(models).version)


def worker_processes(cluster):
    from distributed import Client

    with Client(cluster, set_as_default=False) as client:
        return client.run(os.getpid)


@pytest.mark.filterwarnings("ignore")  # the cluster's own, about the worker that it lost
def test_a_killed_worker_costs_no_file_and_none_is_answered_twice(local_cluster, task, voices):
    entries = by_cluster(task, voices, local_cluster.scheduler_address)
    some = list(islice(entries, 10))
    before = worker_processes(local_cluster)
    os.kill(next(iter(before.values())), signal.SIGKILL)
    entries = some + list(entries)
    assert Counter(entry["file"] for entry in entries) == Counter(voices)
    assert [entry["file"] for entry in entries if "error" in entry] == [voices[7]]
    expected = judging.judge(task, voices[0])
    assert next(entry for entry in entries if entry["file"] == voices[0]) == expected


def test_names_are_those_given_though_workers_are_elsewhere(local_cluster, task, voices, monkeypatch):
    monkeypatch.chdir(Path(voices[0]).parent)
    [entry] = by_cluster(task, ["000.wav"], local_cluster.scheduler_address)
    assert (entry["file"], entry["status"]) == ("000.wav", "ok")


def test_a_worker_without_the_model_ends_the_work(local_cluster, tmp_path):
    with pytest.raises(BundleError):
        list(by_cluster(Task(str(tmp_path), "0"), ["a.wav"], local_cluster.scheduler_address))


def test_a_cluster_without_the_program_is_a_sentence(task, tmp_path):
    """Scheduler and worker are started elsewhere, as people do who haven't read the page."""
    pytest.importorskip("distributed")
    dask = [sys.executable, "-m", "dask"]
    with free_port() as free:
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    options = {"cwd": tmp_path, "env": environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with (
        ended(
            subprocess.Popen(
                [*dask, "scheduler", "--host", "127.0.0.1", "--port", address.rpartition(":")[2], "--no-dashboard"],
                **options,
            )
        ),
        ended(subprocess.Popen([*dask, "worker", address, "--nthreads", "1", "--no-dashboard"], **options)),
    ):
        deadline = time.monotonic() + 120
        while True:
            with pytest.raises(WorkersError) as caught:
                list(by_cluster(task, ["a.wav"], address))
            if "lacks this program: start them with `python -m dask` in its folder" in str(caught.value):
                break
            assert "no Dask scheduler" in str(caught.value) or "no workers" in str(caught.value)  # not yet
            assert time.monotonic() < deadline
            time.sleep(0.2)


def free_port():
    return socket.create_server(("127.0.0.1", 0))


@contextmanager
def ended(process):
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def test_features_for_training_are_the_same_on_a_cluster(local_cluster, tmp_path):
    import numpy as np

    from tests.made_up import fill
    from utils.dataset_loader import load_features, on_cluster, scan
    from utils.emotions import DEFAULT_LABELS
    from utils.features import FeatureSettings

    fill(tmp_path / "data", ["AB0"], seconds=1.2)
    recordings = scan(tmp_path / "data", DEFAULT_LABELS)
    here = load_features(recordings, FeatureSettings(), cache=tmp_path / "here", jobs=1)
    with on_cluster(local_cluster.scheduler_address):
        there = load_features(recordings, FeatureSettings(), cache=tmp_path / "there")
    assert np.allclose(here.arrays, there.arrays, atol=1e-3)  # with other threads, BLAS rounds otherwise
    assert len(list((tmp_path / "there").rglob("*.npy"))) == len(recordings)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense", "http://127.0.0.1:9", "tcp://"])
def test_no_scheduler_is_a_sentence(task, address, monkeypatch):
    monkeypatch.setattr("utils.cluster.CONNECT_SECONDS", 0.5)
    with pytest.raises(WorkersError, match="There is no Dask scheduler at"):
        list(by_cluster(task, ["a.wav"], address))
    from distributed import Client

    open_clients = [one for one in gc.get_objects() if type(one) is Client and one.status != "closed"]
    assert not open_clients  # garbage collection would close them, at a bad moment while another client begins


@pytest.mark.filterwarnings("ignore")
def test_no_workers_is_a_sentence(task):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=0, threads_per_worker=1, processes=False, dashboard_address=None) as empty,
        pytest.raises(WorkersError, match="no workers"),
    ):
        list(by_cluster(task, ["a.wav"], empty.scheduler_address))


def test_without_dask_it_says_what_to_install(task, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(WorkersError, match=r"pip install \"dask\[distributed\]\""):
        list(by_cluster(task, ["a.wav"], "tcp://127.0.0.1:8786"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C to whoever has the terminal")
def test_ctrl_c_while_a_file_is_handed_out_is_not_lost_and_new_processes_are_deaf_to_it(named, monkeypatch):
    submit, said = ProcessPoolExecutor.submit, []

    def pressed(pool, *work):
        os.kill(os.getpid(), signal.SIGINT)
        press = "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('goes on')"
        said.append(subprocess.run([sys.executable, "-c", press], capture_output=True, text=True).stdout)
        return submit(pool, *work)

    monkeypatch.setattr(ProcessPoolExecutor, "submit", pressed)
    with pytest.raises(KeyboardInterrupt):
        list(by_processes(TASK, ["a", "b"], 1))
    assert said == ["goes on\n"]
