"""The journal and the table of an analysis."""

import csv
import errno
import json
import os
from io import FileIO
from pathlib import Path

import pandas
import pytest

from cli import results as module
from cli.results import OutputError, Results

ABOUT = {
    "model": "made-up 0123456789ab", "labels": ["happy", "sad"], "timeline": False, "transcriber": None, "language": "",
}  # fmt: skip
TIMELINE = ABOUT | {"timeline": True, "transcriber": "sphinx"}
ODD_NAMES = ["new\nline.wav", 'comma, and "quote".wav', "=1+1.wav", "-x.wav", "\udcff.wav", "বাংলা.wav", "\x1b[31m.wav"]


def whole(name="a.wav", emotion="happy"):
    return {
        "file": name, "start": 0.0, "end": 3.0, "status": "ok", "emotion": emotion, "confidence": 0.75,
        "probabilities": {"happy": 0.75, "sad": 0.25}, "voiced_seconds": 2.1,
    }  # fmt: skip


def segments(name="a.wav"):
    first = {"start": 0.0, "end": 2.0, "status": "ok", "emotion": "sad", "confidence": 0.9,
             "probabilities": {"happy": 0.1, "sad": 0.9}, "voiced": True, "words": "oh no"}  # fmt: skip
    second = {"start": 2.0, "end": 3.0, "status": "no_speech", "emotion": None, "confidence": 0.0,
              "probabilities": {}, "voiced": False, "words": ""}  # fmt: skip
    return {"file": name, "segments": [first, second]}


def bad(name="bad.wav"):
    return {"file": name, "error": {"code": "unreadable_audio", "message": "This can't be read as sound."}}


@pytest.fixture
def make(tmp_path):
    """Opens outputs, and closes them in the end."""
    opened = []

    def make(name="results.csv", about=ABOUT, *entries):
        opened.append(Results(tmp_path / name, about))
        for entry in entries:
            opened[-1].add(entry)
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def read(path: Path) -> pandas.DataFrame:
    return pandas.read_parquet(path) if path.suffix == ".parquet" else pandas.read_csv(path)


# --- Tables


@pytest.mark.parametrize("name", ["r.csv", "r.parquet", "R.CSV"])
def test_one_row_a_file_opens_in_pandas(make, name):
    results = make(name, ABOUT, whole("b.wav"), bad(), whole("a.wav", "sad"))
    results.write()
    frame = read(results.output.with_name(name)) if name != "R.CSV" else pandas.read_csv(results.output)
    assert list(frame.columns) == [
        "file", "start", "end", "status", "emotion", "confidence", "voiced_seconds", "p_happy", "p_sad",
        "error_code", "error", "model",
    ]  # fmt: skip
    assert frame.file.tolist() == ["a.wav", "b.wav", "bad.wav"]
    assert frame.status.tolist() == ["ok", "ok", "error"]
    assert frame.error_code[2] == "unreadable_audio" and pandas.isna(frame.p_happy[2]) and pandas.isna(frame.error[0])
    assert set(frame.model) == {"made-up 0123456789ab"}


@pytest.mark.parametrize("name", ["r.csv", "r.parquet"])
def test_a_timeline_is_a_long_table(make, name):
    results = make(name, TIMELINE, segments("b.wav"), bad())
    results.write()
    frame = read(results.output)
    assert frame.file.tolist() == ["b.wav", "b.wav", "bad.wav"]
    assert frame.start[:2].tolist() == [0.0, 2.0] and pandas.isna(frame.start[2])
    assert frame.emotion[0] == "sad" and frame.words[0] == "oh no" and pandas.isna(frame.p_sad[1])


def test_json_has_each_file_as_it_was_answered(make):
    results = make("r.json", TIMELINE, segments("b.wav"), bad("a.wav"))
    results.write()
    content = json.loads(results.output.read_text(encoding="utf-8"))
    assert content.pop("files") == [bad("a.wav"), segments("b.wav")]
    assert content == TIMELINE


@pytest.mark.parametrize("name", ["r.csv", "r.json", "r.parquet"])
def test_nothing_done_is_a_whole_table_too(make, name):
    results = make(name)
    results.write()
    if name == "r.json":
        assert json.loads(results.output.read_text())["files"] == []
    else:
        assert len(read(results.output)) == 0


@pytest.mark.parametrize("name", ["r.csv", "r.json", "r.parquet"])
def test_odd_names_are_safe_everywhere_and_known_again(make, name):
    results = make(name, ABOUT, *(whole(odd) for odd in ODD_NAMES))
    results.write()
    results.close()
    assert set(make(name).done) == set(ODD_NAMES)
    if name == "r.csv":
        with results.output.open(encoding="utf-8", newline="") as file:
            names = [row["file"] for row in csv.DictReader(file)]
        assert len(results.output.read_text(encoding="utf-8").splitlines()) == 1 + len(ODD_NAMES)
        assert not any(one.startswith(("=", "-")) for one in names)
    elif name == "r.parquet":
        names = read(results.output).file.tolist()
    else:
        names = [one["file"] for one in json.loads(results.output.read_text(encoding="utf-8"))["files"]]
    assert len(set(names)) == len(ODD_NAMES)
    assert "new\\nline.wav" in names and "বাংলা.wav" in names and "\\udcff.wav" in names


def test_the_table_does_not_depend_on_the_order_of_the_work(make):
    one, other = (
        make("1.csv", ABOUT, whole("a"), whole("b"), bad()),
        make("2.csv", ABOUT, bad(), whole("b"), whole("a")),
    )
    one.write()
    other.write()
    assert one.output.read_bytes() == other.output.read_bytes()


# --- Going on


def test_what_is_done_is_known_again_after_any_cut(make, tmp_path):
    results = make("r.csv", ABOUT, whole("a.wav"), bad(), whole("c.wav"))
    results.close()
    journal = results.journal.read_bytes()
    ends = [i + 1 for i, byte in enumerate(journal) if byte == 10]
    for cut in range(0, len(journal) + 1, 23):
        results.journal.write_bytes(journal[:cut])
        again = Results(results.output, ABOUT)
        assert len(again.done) == max(0, sum(end <= cut for end in ends) - 1)
        again.add(whole("d.wav"))
        again.write()
        again.close()
        assert set(read(results.output).file) == set(again.done)
        assert all(json.loads(line) for line in results.journal.read_bytes().splitlines())


def test_ctrl_c_right_behind_a_line_leaves_no_row_out(make, monkeypatch):
    class Interrupted(FileIO):
        def write(self, line):
            super().write(line)
            if b"b.wav" in line:
                raise KeyboardInterrupt
            return len(line)

    monkeypatch.setattr(module, "FileIO", Interrupted)
    results = make("r.csv", ABOUT, whole("a.wav"))
    with pytest.raises(KeyboardInterrupt):
        results.add(whole("b.wav"))
    results.write()
    assert read(results.output).file.tolist() == list(results.done) == ["a.wav", "b.wav"]


def test_counts_and_missing_words_are_known_again(make):
    make("r.csv", TIMELINE, segments() | {"words_missing": "Google can't be reached."}, bad()).close()
    again = make("r.csv", TIMELINE)
    assert (again.failed, again.words_missing) == (1, "Google can't be reached.")


def test_a_line_that_a_disk_spoilt_is_done_again(make):
    results = make("r.csv", ABOUT, whole("a.wav"), whole("b.wav"))
    results.close()
    lines = results.journal.read_bytes().splitlines(keepends=True)
    results.journal.write_bytes(lines[0] + b"\0" * 40 + b"\n" + lines[2])
    assert list(make("r.csv").done) == ["b.wav"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "made-up 999"}, "by another model"),
        ({"labels": ["happy"]}, "by another model"),
        ({"timeline": True}, r"with other options \(timeline\)"),
        ({"transcriber": "google", "language": "en-US"}, r"with other options \(transcriber, language\)"),
    ],
)
def test_an_output_of_something_else_is_refused_and_stays(make, change, words):
    results = make("r.csv", ABOUT, whole())
    results.write()
    results.close()
    before = results.output.read_bytes(), results.journal.read_bytes()
    with pytest.raises(OutputError, match=words):
        make("r.csv", ABOUT | change)
    assert (results.output.read_bytes(), results.journal.read_bytes()) == before


def test_a_file_of_somebody_else_is_never_overwritten(make, tmp_path):
    (tmp_path / "r.csv").write_text("my thesis")
    with pytest.raises(OutputError, match=r"is there already"):
        make("r.csv")
    assert (tmp_path / "r.csv").read_text() == "my thesis"
    for content in ("my diary", "my\ndiary\n", "{}\n", '{"analysis": 2}\n'):
        (tmp_path / "r.csv.journal").write_text(content)
        with pytest.raises(OutputError):
            make("r.csv")
        assert (tmp_path / "r.csv.journal").read_text() == content


@pytest.mark.skipif(module.fcntl is None, reason="Windows has no such lock")
def test_two_at_once_do_not_write_one_output(make):
    make("r.csv")
    with pytest.raises(OutputError, match="Another analysis"):
        make("r.csv")


# --- A disk that won't


def test_a_folder_that_is_not_there_is_made(make):
    results = make("not/there/yet/r.csv", ABOUT, whole())
    results.write()
    assert len(read(results.output)) == 1


def test_an_output_that_cannot_be_written_is_one_sentence(make, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"^.*r\.csv can't be written \(.*\): make room or name another --out; .*\.$"):
        make("file/r.csv")
    (tmp_path / "folder.csv.journal").mkdir()
    with pytest.raises(OutputError, match="can't be written"):
        make("folder.csv")


def test_a_full_disk_costs_nothing_that_is_done(make, monkeypatch):
    results = make("r.csv", ABOUT, whole("a.wav"))
    real = results._file

    class Full:
        """Takes some bytes, and then no more."""

        def write(self, line):
            return real.write(line[:10])

        def __getattr__(self, name):
            return getattr(real, name)

    results._file = Full()
    with pytest.raises(OutputError, match=os.strerror(errno.ENOSPC)):
        results.add(whole("b.wav"))
    results._file = real
    results.close()
    again = make("r.csv")
    assert list(again.done) == ["a.wav"]
    again.add(whole("b.wav"))
    assert set(again.done) == {"a.wav", "b.wav"}


def test_a_table_that_cannot_be_written_leaves_the_old_one(make, monkeypatch):
    results = make("r.csv", ABOUT, whole("a.wav"))
    results.write()
    before = results.output.read_bytes()

    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module, "write_table", full)
    with pytest.raises(OutputError, match="make room"):
        results.write()
    assert results.output.read_bytes() == before
    assert {path.name for path in results.output.parent.iterdir()} == {"r.csv", "r.csv.journal"}


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize("name", ["r.csv", "r.json", "r.parquet"])
def test_a_real_full_device_is_one_sentence(make, name):
    results = make(name, ABOUT, whole("a.wav"))
    results.output.with_name(f".{name}.part").symlink_to("/dev/full")
    with pytest.raises(OutputError, match=os.strerror(errno.ENOSPC)):
        results.write()
    assert results.output.exists()


def test_the_table_is_written_in_between(make, monkeypatch):
    results = make("r.csv", ABOUT, whole("a.wav"))
    assert len(read(results.output)) == 1, "at once"
    results.add(whole("b.wav"))
    assert len(read(results.output)) == 1, "not with every file"
    monkeypatch.setattr(module.time, "monotonic", lambda: 10.0**9)
    results.add(whole("c.wav"))
    assert len(read(results.output)) == 3
