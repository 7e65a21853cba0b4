"""Each export opens in a reader of its own format, whatever is in it."""

import csv
import importlib.util
import io
import json
from dataclasses import dataclass, replace

import pandas
import pytest
import srt
import textgrid
import webvtt
from hypothesis import given
from hypothesis import strategies as st
from pympi import Eaf

from utils import exports
from utils.errors import ExportError
from utils.exports import FORMATS, available, export, harmless, one_line, written_name


@dataclass(frozen=True)
class Segment:
    start: float
    end: float
    status: str
    emotion: str | None
    confidence: float
    probabilities: dict[str, float]
    voiced: bool


ANGRY = Segment(0.0, 4.0, "ok", "angry", 0.75, {"happy": 0.25, "angry": 0.75}, True)
QUIET = Segment(4.0, 5.5, "no_speech", None, 0.0, {}, False)
UNSURE = Segment(5.5, 3723.5, "uncertain", "happy", 0.51, {"happy": 0.51, "angry": 0.49}, True)
SEGMENTS = [ANGRY, QUIET, UNSURE]
WORDS = ["where were you", "", "<i>who</i> & why --> {what}"]


def table(data: bytes) -> pandas.DataFrame:
    return pandas.read_csv(io.BytesIO(data), keep_default_na=False, na_values=[""])


# --- What is written, seen by other readers


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_tables_open_in_pandas(format):
    data = export(SEGMENTS, format, WORDS)
    frame = pandas.read_parquet(io.BytesIO(data)) if format == "parquet" else table(data)
    assert list(frame.columns) == [
        "start", "end", "status", "emotion", "confidence", "voiced", "p_happy", "p_angry", "words",
    ]  # fmt: skip
    assert frame.start.tolist() == [0.0, 4.0, 5.5] and frame.end.tolist() == [4.0, 5.5, 3723.5]
    assert frame.status.tolist() == ["ok", "no_speech", "uncertain"]
    assert frame.emotion[0] == "angry" and pandas.isna(frame.emotion[1])
    assert frame.p_angry[2] == 0.49 and pandas.isna(frame.p_angry[1])
    assert frame.voiced.tolist() == [True, False, True]
    assert frame.words[2] == WORDS[2]


def test_json_is_what_the_segments_say():
    read = json.loads(export(SEGMENTS, "json", WORDS))["segments"]
    assert read[0] == {
        "start": 0.0, "end": 4.0, "status": "ok", "emotion": "angry", "confidence": 0.75,
        "probabilities": {"happy": 0.25, "angry": 0.75}, "voiced": True, "words": "where were you",
    }  # fmt: skip
    assert [one["emotion"] for one in read] == ["angry", None, "happy"]


def test_without_words_there_is_no_column_of_words():
    assert "words" not in table(export(SEGMENTS, "csv"))
    assert "words" not in json.loads(export(SEGMENTS, "json"))["segments"][0]


def test_webvtt_opens_in_a_webvtt_reader():
    captions = webvtt.from_string(export(SEGMENTS, "vtt", WORDS).decode()).captions
    assert [(c.start, c.end) for c in captions] == [
        ("00:00:00.000", "00:00:04.000"),
        ("00:00:05.500", "01:02:03.500"),
    ]
    assert captions[0].text == "😠 angry 75%\nwhere were you"
    assert captions[1].raw_text == "🤔 happy? 51%\n&lt;i&gt;who&lt;/i&gt; &amp; why --&gt; {what}"


def test_srt_opens_in_an_srt_reader():
    first, second = srt.parse(export(SEGMENTS, "srt", WORDS).decode(), ignore_errors=False)
    assert (first.index, first.start.total_seconds(), first.end.total_seconds()) == (1, 0.0, 4.0)
    assert first.content == "😠 angry 75%\nwhere were you"
    assert (second.start.total_seconds(), second.end.total_seconds()) == (5.5, 3723.5)
    assert second.content == "🤔 happy? 51%\n‹i›who‹/i› & why --› (what)"


def test_audacity_labels_are_two_times_and_a_text_a_line():
    lines = [line.split("\t") for line in export(SEGMENTS, "audacity", WORDS).decode().splitlines()]
    assert [(float(start), float(end)) for start, end, _ in lines] == [(0.0, 4.0), (5.5, 3723.5)]
    assert lines[0][2] == "angry 75% where were you"
    assert export(SEGMENTS, "audacity").decode().splitlines()[1].endswith("\thappy? 51%")


def test_a_textgrid_opens_in_a_textgrid_reader(tmp_path):
    said = ['he said "no"', "", "বাংলা"]
    (tmp_path / "x.TextGrid").write_bytes(export(SEGMENTS, "textgrid", said))
    grid = textgrid.TextGrid.fromFile(str(tmp_path / "x.TextGrid"))
    assert [tier.name for tier in grid] == ["emotion", "confidence", "words"]
    emotions, confidences, words = ([(i.minTime, i.maxTime, i.mark) for i in tier] for tier in grid)
    assert emotions == [(0.0, 4.0, "angry"), (4.0, 5.5, ""), (5.5, 3723.5, "happy?")]
    assert [mark for *_, mark in confidences] == ["0.75", "", "0.51"]
    assert [mark for *_, mark in words] == ['he said "no"', "", "বাংলা"]
    (tmp_path / "x.TextGrid").write_bytes(export(SEGMENTS, "textgrid"))
    assert [tier.name for tier in textgrid.TextGrid.fromFile(str(tmp_path / "x.TextGrid"))] == ["emotion", "confidence"]


def elan(data, folder):
    """The tiers of an ELAN file, read again: name -> (start, end, text) in milliseconds."""
    (folder / "x.eaf").write_bytes(data)
    found = Eaf(str(folder / "x.eaf"))
    return {name: sorted(found.get_annotation_data_for_tier(name)) for name in found.get_tier_names()}


def test_an_elan_file_opens_with_its_tiers_in_place(tmp_path):
    said = ['he said "no" & <left>', "", "বাংলা"]
    tiers = elan(export(SEGMENTS, "eaf", said), tmp_path)
    assert tiers["emotion"] == [(0, 4000, "angry"), (5500, 3723500, "happy?")]
    assert [text for *_, text in tiers["confidence"]] == ["0.75", "0.51"]
    assert [text for *_, text in tiers["words"]] == [said[0], said[2]]
    assert sorted(elan(export(SEGMENTS, "eaf"), tmp_path)) == ["confidence", "emotion"]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("segments", [[], [QUIET]], ids=["nothing", "silence"])
def test_nothing_to_say_is_still_a_file_of_its_format(format, segments, tmp_path):
    data = export(segments, format)
    if format == "csv":
        assert len(table(data)) == len(segments)
    if format == "parquet":
        assert len(pandas.read_parquet(io.BytesIO(data))) == len(segments)
    if format == "vtt":
        assert webvtt.from_string(data.decode()).captions == []
    if format in {"srt", "audacity"}:
        assert data == b""
    if format == "eaf":
        assert elan(data, tmp_path) == {"emotion": [], "confidence": []}
    if format == "textgrid":
        (tmp_path / "x.TextGrid").write_bytes(data)
        assert [i.mark for i in textgrid.TextGrid.fromFile(str(tmp_path / "x.TextGrid"))[0]] == [""]


# --- Whatever is said


@given(said=st.text(), label=st.text(min_size=1))
def test_no_words_and_no_label_break_a_file(said, label):
    segments = [replace(ANGRY, emotion=label, probabilities={label: 1.0}), replace(ANGRY, start=4.0, end=5.0)]
    words = [said, "the end"]
    subtitles = list(srt.parse(export(segments, "srt", words).decode(), ignore_errors=False))
    assert len(subtitles) == 2 and subtitles[1].content.endswith("the end")
    captions = webvtt.from_string(export(segments, "vtt", words).decode()).captions
    assert len(captions) == 2 and captions[1].text.endswith("the end")
    lines = export(segments, "audacity", words).decode().splitlines()
    assert [line.count("\t") for line in lines] == [2, 2]
    rows = list(csv.reader(io.StringIO(export(segments, "csv", words).decode(), newline="")))
    assert len(rows) == 3 and {len(row) for row in rows} == {len(rows[0])}
    assert not any(cell.startswith(exports.FORMULA) for row in rows for cell in row)
    assert json.loads(export(segments, "json", words))["segments"][0]["words"] == one_line(said)


@given(said=st.text(min_size=1))
def test_no_words_break_an_elan_file(said, tmp_path_factory):
    tiers = elan(export([ANGRY, UNSURE], "eaf", [said, "the end"]), tmp_path_factory.mktemp("elan"))
    assert tiers["words"][-1][2] == "the end"


@given(said=st.text(st.characters(codec="utf-8"), min_size=1))
def test_no_words_break_a_textgrid(said, tmp_path_factory):
    file = tmp_path_factory.mktemp("grid") / "x.TextGrid"
    file.write_bytes(export([ANGRY, UNSURE], "textgrid", [said, "the end"]))
    grid = textgrid.TextGrid.fromFile(str(file))
    assert [i.mark for i in grid[-1] if i.mark][-1] == "the end"


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(cell):
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["a=1", "", None, -0.5, True])
def test_what_is_no_formula_stays_as_it_is(cell):
    assert harmless(cell) is cell


# --- Names of files


@given(st.text())
def test_a_written_name_is_one_line_that_can_be_written(name):
    written = written_name(name)
    assert len(f"{written}.".splitlines()) == 1
    written.encode("utf-8")


@given(st.text("ab\\nx0\n\udcff\x85", max_size=6), st.text("ab\\nx0\n\udcff\x85", max_size=6))
def test_two_names_are_never_written_alike(one, other):
    assert (written_name(one) == written_name(other)) == (one == other)


def test_usual_names_are_written_as_they_are():
    for name in ('a b/ü-বাংলা,\u3000"x".wav', "=1.wav", "👩\u200d🚀.wav"):
        assert written_name(name) == name
    assert written_name("new\nline\udcff\\.wav") == "new\\nline\\udcff\\\\.wav"


# --- What is missing


@pytest.mark.parametrize("format", ["docx", "", "CSV", "a\nb"])
def test_an_unknown_format_is_a_sentence(format):
    with pytest.raises(ExportError, match=r"^There is no format .*: choose csv, json, .*textgrid, eaf\.$"):
        export(SEGMENTS, format)


@pytest.mark.parametrize(
    ("format", "package"), [("parquet", "pyarrow"), ("textgrid", "praatio"), ("eaf", "pympi-ling")]
)
def test_a_missing_package_is_a_sentence_and_the_other_formats_stay(format, package, monkeypatch):
    monkeypatch.setattr(exports.importlib.util, "find_spec", lambda name: None)
    assert set(available()) == {"csv", "json", "vtt", "srt", "audacity"}
    with pytest.raises(ExportError, match=f"run `pip install {package}`"):
        export(SEGMENTS, format)
    assert export(SEGMENTS, "vtt").startswith(b"WEBVTT")


def test_here_everything_can_be_written():
    assert available() == FORMATS
    assert importlib.util.find_spec("pyarrow")
