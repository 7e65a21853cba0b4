"""Names are read right, and files get into data/ whole, once, and to the right place."""

import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from utils.corpora import (
    BANGLASER,
    CORPORA,
    CREMA_D,
    NEMO,
    RAVDESS,
    RAVDESS_SONG,
    Corpus,
    Placed,
    parse_placed,
    place,
    placed_path,
)
from utils.emotions import ALL_EMOTIONS
from utils.errors import DataError

REPOSITORY = Path(__file__).parents[1]
REAL = Path(os.environ.get("VER_CORPORA", REPOSITORY / ".." / "shared" / "corpora"))


def write_wav(path: Path, seconds: float = 0.01) -> Path:
    """A whisper of noise, different for each name, so that mixed-up files are seen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(list(path.name.encode())).uniform(-0.1, 0.1, int(16_000 * seconds))
    soundfile.write(path, noise, 16_000, format="WAV")
    return path


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)


# --- What names say


@pytest.mark.parametrize(
    ("corpus", "name", "emotion", "speaker", "intensity"),
    [
        (RAVDESS, "03-01-01-01-01-01-01", "neutral", "ravdess-01", "normal"),
        (RAVDESS, "03-01-02-02-01-01-09", "calm", "ravdess-09", "strong"),
        (RAVDESS, "03-01-03-01-02-01-10", "happy", "ravdess-10", "normal"),
        (RAVDESS, "03-01-04-01-01-02-19", "sad", "ravdess-19", "normal"),
        (RAVDESS, "03-01-05-02-01-01-20", "angry", "ravdess-20", "strong"),
        (RAVDESS, "03-01-06-02-02-02-24", "fear", "ravdess-24", "strong"),
        (RAVDESS, "03-01-07-01-01-01-07", "disgust", "ravdess-07", "normal"),
        (RAVDESS, "03-01-08-01-01-01-08", "surprise", "ravdess-08", "normal"),
        (RAVDESS_SONG, "03-02-01-01-01-01-01", "neutral", "ravdess-01", "normal"),
        (RAVDESS_SONG, "03-02-06-02-02-02-24", "fear", "ravdess-24", "strong"),
        (CREMA_D, "1001_DFA_ANG_XX", "angry", "crema_d-1001", None),
        (CREMA_D, "1002_IEO_DIS_LO", "disgust", "crema_d-1002", "normal"),
        (CREMA_D, "1003_IEO_FEA_MD", "fear", "crema_d-1003", "normal"),
        (CREMA_D, "1091_IEO_HAP_HI", "happy", "crema_d-1091", "strong"),
        (CREMA_D, "1004_WSI_NEU_XX", "neutral", "crema_d-1004", None),
        (CREMA_D, "1040_ITH_SAD_X", "sad", "crema_d-1040", None),
        (NEMO, "WR0_surprised_64", "surprise", "nemo-WR0", None),
        (NEMO, "EB0_neutral_1", "neutral", "nemo-EB0", None),
        (NEMO, "EB0_happiness_2", "happy", "nemo-EB0", None),
        (NEMO, "EB0_sadness_3", "sad", "nemo-EB0", None),
        (NEMO, "EB0_anger_4", "angry", "nemo-EB0", None),
        (NEMO, "EB0_fear_123", "fear", "nemo-EB0", None),
        (BANGLASER, "03-01-01-01-01-01-01", "happy", "banglaser-01", None),
        (BANGLASER, "03-01-02-01-03-03-34", "sad", "banglaser-34", None),
        (BANGLASER, "03-01-03-02-01-02-20", "angry", "banglaser-20", None),
        (BANGLASER, "01-01-04-02-03-01-15", "surprise", "banglaser-15", None),
        (BANGLASER, "03-01-05-01-01-01-30", "neutral", "banglaser-30", None),
    ],
)
def test_a_name_says_emotion_speaker_and_intensity(
    corpus: Corpus, name: str, emotion: str, speaker: str, intensity: str | None
) -> None:
    assert corpus.parse(name) == Placed(emotion, corpus.name, speaker, name, intensity)


@pytest.mark.parametrize(
    ("corpus", "name"),
    [
        (RAVDESS, "03-02-01-01-01-01-01"),  # song
        (RAVDESS, "01-01-01-01-01-01-01"),  # the sound track of a video
        (RAVDESS, "03-01-09-01-01-01-01"),  # a ninth emotion
        (RAVDESS, "03-01-01-03-01-01-01"),  # a third intensity
        (RAVDESS, "03-01-01-01-01-01-25"),  # a 25th actor
        (RAVDESS, "03-01-01-01-01-01-00"),
        (RAVDESS, "03-01-01-01-01-01-1٤"),  # a digit, but of another script
        (RAVDESS, "03-01-01-01-01-01-01 (1)"),
        (RAVDESS, " 03-01-01-01-01-01-01"),
        (RAVDESS_SONG, "03-01-01-01-01-01-01"),
        (RAVDESS_SONG, "03-02-07-01-01-01-01"),  # nobody sings disgust
        (CREMA_D, "1001_DFA_SUR_XX"),
        (CREMA_D, "1001_DFA_ANG"),
        (CREMA_D, "1001_DFA_ANG_XXX"),
        (CREMA_D, "2001_DFA_ANG_XX"),
        (CREMA_D, "1001_dfa_ang_xx"),
        (NEMO, "WR0_disgust_1"),
        (NEMO, "WR0_surprised"),
        (NEMO, "WR_surprised_1"),
        (BANGLASER, "03-01-06-01-01-01-01"),
        (BANGLASER, "03-01-01-01-01-01-35"),
        (BANGLASER, "02-01-01-01-01-01-01"),
        *((corpus, "") for corpus in CORPORA.values()),
    ],
)
def test_any_other_name_is_not_known(corpus: Corpus, name: str) -> None:
    assert corpus.parse(name) is None


@pytest.mark.parametrize("corpus", CORPORA.values(), ids=list(CORPORA))
def test_a_declaration_agrees_with_itself(corpus: Corpus) -> None:
    assert corpus.parse(Path(corpus.example).stem)
    assert set(corpus.emotions.values()) <= set(ALL_EMOTIONS)
    assert "__" not in corpus.name
    assert "-" not in corpus.people
    assert corpus.url.startswith("https://")
    assert all(corpus.parse(name) for name in corpus.left_out)


# --- What places in data/ say


@pytest.mark.parametrize("corpus", CORPORA.values(), ids=list(CORPORA))
@given(draw=st.data())
def test_a_place_says_what_the_name_said(corpus: Corpus, draw: st.DataObject) -> None:
    name = draw.draw(st.from_regex(corpus.pattern, fullmatch=True))
    recording = corpus.parse(name)
    assert recording
    assert parse_placed(Path("data", placed_path(recording))) == recording


def test_who_speaks_and_sings_is_one_person_and_no_two_corpora_share_another() -> None:
    speakers = {name: parse_placed(Path("data", "happy", f"{name}__01__x.wav")).speaker for name in CORPORA}
    assert speakers["ravdess"] == speakers["ravdess_song"] == "ravdess-01"
    assert len(set(speakers.values())) == len(CORPORA) - 1


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("happy/me.wav", Placed("happy", "own", None, "me", None)),
        ("happy/a_b.wav", Placed("happy", "own", None, "a_b", None)),
        ("happy/one__two.wav", Placed("happy", "own", None, "one__two", None)),
        ("happy/____x.wav", Placed("happy", "own", None, "____x", None)),
        ("happy/ravdess__01__.wav", Placed("happy", "own", None, "ravdess__01__", None)),
        ("calm/03-01-03-01-01-01-01.wav", Placed("calm", "own", None, "03-01-03-01-01-01-01", None)),
        ("angry/emodb__03__03a01Wa.wav", Placed("angry", "emodb", "emodb-03", "03a01Wa", None)),
        ("sad/tess__OAF__a__b.flac", Placed("sad", "tess", "tess-OAF", "a__b", None)),
        ("sad/crema_d__1001__mine.wav", Placed("sad", "crema_d", "crema_d-1001", "mine", None)),
    ],
)
def test_files_that_people_drop_in_are_read_too(file: str, expected: Placed) -> None:
    assert parse_placed(Path("data", file)) == expected


@given(name=st.text(min_size=1).filter(lambda name: "__" not in name and "/" not in name and "\0" not in name))
def test_no_other_name_claims_a_speaker(name: str) -> None:
    own = parse_placed(Path("data", "fear", f"x{name}.wav"))
    assert own == Placed("fear", "own", None, f"x{name}", None)


@pytest.mark.parametrize("folder", ["cheerful", "Happy", "data"])
def test_a_folder_that_is_no_emotion_is_refused(folder: str) -> None:
    with pytest.raises(DataError, match=f"'{folder}' is not an emotion: name the folder one of neutral, calm"):
        parse_placed(Path(folder, "a.wav"))


# --- Placing


def test_files_are_linked_to_their_places_and_a_second_run_changes_nothing(tmp_path: Path, data: Path) -> None:
    source = tmp_path / "AudioWAV"
    angry = write_wav(source / "1001_DFA_ANG_XX.wav")
    write_wav(source / "1002_DFA_SAD_HI.wav")
    first = place([CREMA_D], [source], data)
    placed = data / "angry" / "crema_d__1001__1001_DFA_ANG_XX.wav"
    assert placed.samefile(angry)
    assert (first.placed, first.already_there, first.unknown, first.left_out) == (2, 0, (), {})
    assert {emotion: count for emotion, count in first.counts["crema_d"].items() if count} == {
        "angry": 1,
        "sad": 1,
    }
    assert tuple(first.counts["crema_d"]) == ALL_EMOTIONS
    before = {path: path.stat() for path in data.rglob("*")}
    second = place([CREMA_D], [source], data)
    assert (second.placed, second.already_there, second.counts) == (0, 2, first.counts)
    assert {path: path.stat() for path in data.rglob("*")} == before


@pytest.mark.usefixtures("no_links")
def test_files_are_copied_where_links_are_refused(tmp_path: Path, data: Path) -> None:
    original = write_wav(tmp_path / "nEMO" / "samples" / "WR0_fear_1.wav")
    assert place([NEMO], [tmp_path / "nEMO"], data).placed == 1
    placed = data / "fear" / "nemo__WR0__WR0_fear_1.wav"
    assert not placed.samefile(original)
    assert snapshot(data) == {"fear/nemo__WR0__WR0_fear_1.wav": original.read_bytes()}
    assert place([NEMO], [tmp_path / "nEMO"], data).already_there == 1


@pytest.mark.usefixtures("no_links")
@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_an_interrupted_copy_leaves_nothing_and_the_next_run_completes_it(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, interruption: BaseException
) -> None:
    original = write_wav(tmp_path / "nEMO" / "WR0_fear_1.wav")

    def half(source: Path, target: Path) -> None:
        Path(target).write_bytes(Path(source).read_bytes()[:50])
        raise interruption

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", half)
        with pytest.raises((KeyboardInterrupt, DataError)) as caught:
            place([NEMO], [tmp_path / "nEMO"], data)
    assert snapshot(data) == {}
    if isinstance(caught.value, DataError):
        assert str(caught.value).startswith(f"Placing recordings into {data} failed (No space left on device)")
    assert place([NEMO], [tmp_path / "nEMO"], data).placed == 1
    assert list(snapshot(data).values()) == [original.read_bytes()]


@pytest.mark.usefixtures("no_links")
def test_what_a_killed_run_left_half_copied_is_replaced(tmp_path: Path, data: Path) -> None:
    original = write_wav(tmp_path / "nEMO" / "WR0_fear_1.wav")
    (data / "fear").mkdir(parents=True)
    (data / "fear" / ".nemo__WR0__WR0_fear_1.wav.part").write_bytes(b"RIFF")
    place([NEMO], [tmp_path / "nEMO"], data)
    assert snapshot(data) == {"fear/nemo__WR0__WR0_fear_1.wav": original.read_bytes()}


def test_a_data_folder_that_cant_be_made_is_one_sentence(tmp_path: Path, data: Path) -> None:
    write_wav(tmp_path / "nEMO" / "WR0_fear_1.wav")
    data.write_text("a file where a folder should be")
    with pytest.raises(DataError, match=r"^Placing recordings into \S+ failed \(Not a directory\): make room"):
        place([NEMO], [tmp_path / "nEMO"], data)


def test_speech_and_song_are_told_apart_by_their_names_wherever_they_lie(tmp_path: Path, data: Path) -> None:
    mixed = tmp_path / "RAVDESS"
    write_wav(mixed / "Audio_Speech_Actors_01-24" / "Actor_01" / "03-01-03-01-01-01-01.wav")
    write_wav(mixed / "Audio_Song_Actors_01-24" / "Actor_01" / "03-02-03-01-01-01-01.wav")
    report = place([RAVDESS, RAVDESS_SONG], [mixed], data)
    assert report.counts["ravdess"]["happy"] == report.counts["ravdess_song"]["happy"] == 1
    assert sorted(snapshot(data)) == [
        "happy/ravdess__01__03-01-03-01-01-01-01.wav",
        "happy/ravdess_song__01__03-02-03-01-01-01-01.wav",
    ]


def test_second_copies_of_a_corpus_count_once(tmp_path: Path, data: Path) -> None:
    first = write_wav(tmp_path / "archive" / "Actor_01" / "03-01-03-01-01-01-01.wav")
    twin = tmp_path / "archive" / "audio_speech_actors_01-24" / "Actor_01" / first.name
    twin.parent.mkdir(parents=True)
    shutil.copy(first, twin)
    report = place([RAVDESS], [tmp_path / "archive"], data)
    assert (report.placed, report.already_there, sum(report.counts["ravdess"].values())) == (1, 1, 1)


def test_endings_in_capitals_and_a_system_s_own_files_do_no_harm(tmp_path: Path, data: Path) -> None:
    source = tmp_path / "AudioWAV"
    write_wav(source / "1001_DFA_ANG_XX.WAV")
    for name in (
        "._1001_DFA_ANG_XX.wav",
        ".DS_Store",
        "__MACOSX/1001_DFA_FEA_XX.wav",
        ".git/1001_DFA_FEA_XX.wav",
    ):
        write_wav(source / name)
    for name in ("VideoDemographics.csv", "data.tsv", "LICENSE.txt", "README.md"):
        (source / name).write_text("about")
    report = place([CREMA_D], [source], data)
    assert list(snapshot(data)) == ["angry/crema_d__1001__1001_DFA_ANG_XX.wav"]
    assert (report.unknown, report.left_out) == ((), {})


def test_names_that_are_not_known_are_listed(tmp_path: Path, data: Path) -> None:
    source = tmp_path / "AudioWAV"
    write_wav(source / "1001_DFA_ANG_XX.wav")
    strange = ["1001_DFA_ANG_XX (1).wav", "1001_DFA_ANG_XX.mp3", "sub/zzz.wav", "tool.exe"]
    for name in strange:
        write_wav(source / name)
    report = place([CREMA_D], [source], data)
    assert {str(path.relative_to(source)) for path in report.unknown} == set(strange)
    assert report.placed == len(snapshot(data)) == 1


def test_the_three_bad_recordings_are_left_out_and_named(tmp_path: Path, data: Path) -> None:
    source = tmp_path / "AudioWAV"
    bad = ["1076_MTI_SAD_XX", "1006_TIE_HAP_XX", "1013_WSI_SAD_XX"]
    for name in [*bad, "1006_TIE_SAD_XX"]:
        write_wav(source / f"{name}.wav")
    report = place([CREMA_D], [source], data)
    assert {path.stem for path in report.left_out} == set(bad)
    assert list(snapshot(data)) == ["sad/crema_d__1006__1006_TIE_SAD_XX.wav"]


def test_files_without_sound_are_left_out_with_the_reason(tmp_path: Path, data: Path) -> None:
    source = tmp_path / "AudioWAV"
    write_wav(source / "1001_DFA_ANG_XX.wav")
    (source / "1001_DFA_FEA_XX.wav").write_bytes(b"")
    (source / "1001_DFA_HAP_XX.wav").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    (source / "1001_DFA_SAD_XX.wav").symlink_to("nowhere.wav")
    report = place([CREMA_D], [source], data)
    reasons = {path.stem: reason for path, reason in report.left_out.items()}
    assert reasons == {
        "1001_DFA_FEA_XX": "it is empty",
        "1001_DFA_HAP_XX": "it only points to the sound: run `git lfs pull` where it was cloned",
        "1001_DFA_SAD_XX": "it can't be read (No such file or directory)",
    }
    assert report.placed == len(snapshot(data)) == 1


def test_a_link_to_a_recording_is_followed(tmp_path: Path, data: Path) -> None:
    original = write_wav(tmp_path / "store" / "1.wav")
    (tmp_path / "nEMO").mkdir()
    (tmp_path / "nEMO" / "WR0_fear_1.wav").symlink_to(Path("..", "store", "1.wav"))
    place([NEMO], [tmp_path / "nEMO"], data)
    placed = data / "fear" / "nemo__WR0__WR0_fear_1.wav"
    assert placed.samefile(original)
    assert not placed.is_symlink()


def test_another_file_in_its_place_is_kept_and_named(tmp_path: Path, data: Path) -> None:
    write_wav(tmp_path / "nEMO" / "WR0_fear_1.wav")
    mine = write_wav(data / "fear" / "nemo__WR0__WR0_fear_1.wav", seconds=0.5)
    before = snapshot(data)
    report = place([NEMO], [tmp_path / "nEMO"], data)
    assert list(report.left_out.values()) == [f"another file is already at {mine}; delete that one to place this"]
    assert snapshot(data) == before
    assert sum(report.counts["nemo"].values()) == 0


def test_data_inside_the_source_is_not_searched(tmp_path: Path) -> None:
    write_wav(tmp_path / "nEMO" / "WR0_fear_1.wav")
    for _ in range(2):
        report = place([NEMO], [tmp_path], tmp_path / "data")
        assert report.unknown == ()
    assert report.already_there == 1


@pytest.mark.parametrize("corpus", CORPORA.values(), ids=list(CORPORA))
def test_a_missing_source_is_one_sentence(corpus: Corpus, tmp_path: Path, data: Path) -> None:
    source = tmp_path / "nothing"
    with pytest.raises(DataError) as caught:
        place([corpus], [source], data)
    assert str(caught.value) == (
        f"There is no folder {source}: {corpus.title} is published at {corpus.url}; "
        f"unpack it to a folder {corpus.folder}, or say which folder holds it."
    )
    assert not data.exists()


@pytest.mark.parametrize("files", [[], ["README.md"], ["x.wav"], ["03-01-01-01-01-01-01.flac"]])
def test_a_source_without_recordings_is_one_sentence(files: list[str], tmp_path: Path, data: Path) -> None:
    source = tmp_path / "Audio_Speech_Actors_01-24"
    source.mkdir()
    for name in files:
        write_wav(source / name)
    with pytest.raises(DataError, match=r"holds no recording named like 03-01-06-01-02-01-12\.wav: RAVDESS"):
        place([RAVDESS], [source], data)
    assert not data.exists()


def test_nothing_is_placed_where_one_of_two_sources_is_missing(tmp_path: Path, data: Path) -> None:
    write_wav(tmp_path / "speech" / "03-01-03-01-01-01-01.wav")
    with pytest.raises(DataError, match=r"There is no folder \S+song: RAVDESS song is published"):
        place([RAVDESS, RAVDESS_SONG], [tmp_path / "speech", tmp_path / "song"], data)
    assert not data.exists()


def test_a_folder_that_cant_be_read_is_one_sentence(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "nEMO"
    write_wav(source / "WR0_fear_1.wav")

    def refuse(path: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"nEMO can't be read \(Permission denied\): see to its permissions\."):
        place([NEMO], [source], data)


# --- The real corpora

COUNTS = {
    "ravdess": (RAVDESS, "ravdess_speech", (96, 192, 192, 192, 192, 192, 192, 192), 24),
    "ravdess_song": (RAVDESS_SONG, "ravdess_song", (92, 184, 184, 184, 184, 184, 0, 0), 23),
    "crema_d": (CREMA_D, "crema_d", (16, 0, 1015, 1011, 81, 79, 80, 0), 91),
    "nemo": (NEMO, "nemo_pl", (809, 0, 749, 769, 749, 736, 0, 669), 9),
    "banglaser": (BANGLASER, "banglaser", (242, 0, 306, 306, 306, 0, 0, 306), 34),
}


def real_names(folder: str) -> list[Path]:
    if not (REAL / folder).is_dir():
        pytest.skip(f"{REAL / folder} is not there")
    return [
        path.relative_to(REAL / folder)
        for path in (REAL / folder).rglob("*")
        if path.suffix in (".flac", ".opus", ".wav")
    ]


@pytest.mark.corpora
@pytest.mark.parametrize("corpus", COUNTS)
def test_real_names_are_all_known_and_counted(corpus: str, tmp_path: Path, data: Path) -> None:
    declared, folder, expected, people = COUNTS[corpus]
    for name in real_names(folder):
        file = tmp_path / declared.folder / name.with_suffix(".wav")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"sound")
    report = place([declared], [tmp_path / declared.folder], data)
    assert report.unknown == ()
    assert {path.stem for path in report.left_out} == set(declared.left_out)
    assert tuple(report.counts[corpus].values()) == expected
    assert len({parse_placed(path).speaker for path in data.rglob("*.wav")}) == people


@pytest.mark.corpora
def test_nemo_s_table_says_what_its_names_say() -> None:
    names = {name.stem for name in real_names("nemo_pl")}
    rows = [line.split("\t") for line in (REAL / "nemo_pl" / "data.tsv").read_text("utf-8").splitlines()[1:]]
    assert {row[0].removesuffix(".wav") for row in rows} == names
    for file, emotion, _, _, speaker, *_ in rows:
        parsed = NEMO.parse(file.removesuffix(".wav"))
        assert parsed
        assert (parsed.emotion, parsed.speaker) == (NEMO.emotions[emotion], f"nemo-{speaker.strip()}")


@pytest.mark.corpora
def test_every_name_of_the_full_crema_d_is_known() -> None:
    real_names("crema_d")
    table = (REAL / "crema_d" / "summaryTable.csv").read_text().splitlines()[1:]
    parsed = [CREMA_D.parse(line.split(",")[1].strip('"')) for line in table]
    emotions = Counter(recording.emotion for recording in parsed if recording)
    assert emotions == {
        "angry": 1271,
        "disgust": 1271,
        "fear": 1271,
        "happy": 1271,
        "sad": 1271,
        "neutral": 1087,
    }
