"""The corpora: what a file name says about its recording, and how recordings are placed into data/.

A placed recording lies at `data/<emotion>/<corpus>__<speaker>__<original name>.wav`.
"""

import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from utils.emotions import ALL_EMOTIONS
from utils.errors import DataError

Intensity = Literal["normal", "strong"]

OWN = "own"
"""The corpus of a file in data/ that is not named like a corpus's."""

CORRECTIONS = "corrections"
"""The corpus of clips that visitors corrected and let train: it only trains, and nothing of it is cached."""

# What corpora bring along beside their recordings, and is no recording under an unknown name.
DOCUMENTS = {".csv", ".tsv", ".txt", ".md", ".pdf"}

# How a file begins that a clone of CREMA-D's repository holds instead of sound where git-lfs is missing.
_LFS_POINTER = b"version https://git-lfs"


@dataclass(frozen=True)
class Placed:
    """A recording as data/ knows it.

    `speaker` is unique over all corpora ("crema_d-1001") and the same in two corpora with the same people; it
    is None where nobody said who speaks. `name` is the original name without its ending. `intensity` is how
    strongly the emotion was acted, None where that is not known.
    """

    emotion: str
    corpus: str
    speaker: str | None
    name: str
    intensity: Intensity | None


@dataclass(frozen=True)
class Corpus:
    """How one corpus is published and what its file names mean.

    `pattern` matches a whole name without its ending; its groups `emotion`, `speaker` and, if any,
    `intensity` hold codes that `emotions` and `intensities` translate. `folder` is what the official download
    unpacks to. `people` names who speaks: corpora with the same people share it. `left_out` maps names to the
    reason why they are not placed.
    """

    name: str
    title: str
    url: str
    licence: str
    folder: str
    example: str
    people: str
    pattern: re.Pattern[str]
    emotions: dict[str, str]
    intensities: dict[str, Intensity] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def parse(self, name: str) -> Placed | None:
        """What `name` (without ending) says, or None if no recording of this corpus is named so."""
        match = self.pattern.fullmatch(name)
        if match is None:
            return None
        codes = match.groupdict()
        return Placed(
            emotion=self.emotions[codes["emotion"]],
            corpus=self.name,
            speaker=f"{self.people}-{codes['speaker']}",
            name=name,
            intensity=self.intensities.get(codes.get("intensity", "")),
        )


_RAVDESS_EMOTIONS = {
    "01": "neutral", "02": "calm", "03": "happy", "04": "sad",
    "05": "angry", "06": "fear", "07": "disgust", "08": "surprise",
}  # fmt: skip
_RAVDESS_INTENSITIES: dict[str, Intensity] = {"01": "normal", "02": "strong"}
_RAVDESS_TAKE = r"-(?P<intensity>0[12])-0[12]-0[12]-(?P<speaker>0[1-9]|1\d|2[0-4])"

# Two takes of actor 7 are the same bytes (03-01-03-01-02-01-07 and -02-07), as are two pairs in BanglaSER
# (03-01-01-01-03-01-15 and -03-15, 03-01-01-01-01-01-17 and -03-17). They are placed like all others: each
# pair has one label and one speaker, so it can mislead no model and cross no split, and the counts stay those
# of the publications.
RAVDESS = Corpus(
    name="ravdess",
    title="RAVDESS speech",
    url="https://zenodo.org/records/1188976",
    licence="CC BY-NC-SA 4.0",
    folder="Audio_Speech_Actors_01-24",
    example="03-01-06-01-02-01-12.wav",
    people="ravdess",
    pattern=re.compile(r"03-01-(?P<emotion>0[1-8])" + _RAVDESS_TAKE, re.ASCII),
    emotions=_RAVDESS_EMOTIONS,
    intensities=_RAVDESS_INTENSITIES,
)

# The same actors sing, so a singer and a speaker of the same number are one person.
RAVDESS_SONG = replace(
    RAVDESS,
    name="ravdess_song",
    title="RAVDESS song",
    folder="Audio_Song_Actors_01-24",
    example="03-02-06-01-02-01-12.wav",
    pattern=re.compile(r"03-02-(?P<emotion>0[1-6])" + _RAVDESS_TAKE, re.ASCII),
)

_CREMA_D_EMOTIONS = {
    "ANG": "angry", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad",
}  # fmt: skip
_TWICE = "the corpus has the same recording under another emotion too"

# Most takes have no level (XX; one published name, 1040_ITH_SAD_X, lost an X). LO and MD both stay below what
# the other corpora call strong.
CREMA_D = Corpus(
    name="crema_d",
    title="CREMA-D",
    url="https://github.com/CheyneyComputerScience/CREMA-D",
    licence="ODbL 1.0, contents DbCL 1.0",
    folder="AudioWAV",
    example="1001_DFA_ANG_XX.wav",
    people="crema_d",
    pattern=re.compile(
        r"(?P<speaker>10\d\d)_[A-Z]{3}_(?P<emotion>ANG|DIS|FEA|HAP|NEU|SAD)_(?P<intensity>LO|MD|HI|XX?)",
        re.ASCII,
    ),
    emotions=_CREMA_D_EMOTIONS,
    intensities={"LO": "normal", "MD": "normal", "HI": "strong"},
    left_out={
        "1076_MTI_SAD_XX": "it is digital silence",
        "1006_TIE_HAP_XX": _TWICE,
        "1013_WSI_SAD_XX": _TWICE,
    },
)

_NEMO_EMOTIONS = {
    "neutral": "neutral", "happiness": "happy", "sadness": "sad",
    "anger": "angry", "fear": "fear", "surprised": "surprise",
}  # fmt: skip

# data.tsv says nothing about emotion and speaker that the names don't say too.
NEMO = Corpus(
    name="nemo",
    title="nEMO",
    url="https://github.com/amu-cai/nEMO",
    licence="CC BY-NC-SA 4.0",
    folder="nEMO",
    example="WR0_surprised_64.wav",
    people="nemo",
    pattern=re.compile(
        r"(?P<speaker>[A-Z]{2}\d)_(?P<emotion>neutral|happiness|sadness|anger|fear|surprised)_\d+",
        re.ASCII,
    ),
    emotions=_NEMO_EMOTIONS,
)

# Three names begin 01-01- instead of 03-01-. They are exactly the three takes that actor 15 lacks otherwise,
# so the first field is a slip, and all other fields are believed. All angry and surprised takes are called strong and
# no others are: that is the emotion once more, so nobody knows how strongly they were acted.
BANGLASER = Corpus(
    name="banglaser",
    title="BanglaSER",
    url="https://data.mendeley.com/datasets/t9h6p943xy",
    licence="CC BY 4.0",
    folder="BanglaSER",
    example="03-01-02-01-03-01-34.wav",
    people="banglaser",
    pattern=re.compile(
        r"0[13]-01-(?P<emotion>0[1-5])-0[12]-0[1-3]-0[1-3]"
        r"-(?P<speaker>0[1-9]|[12]\d|3[0-4])",
        re.ASCII,
    ),
    emotions={"01": "happy", "02": "sad", "03": "angry", "04": "surprise", "05": "neutral"},
)

CORPORA = {corpus.name: corpus for corpus in (RAVDESS, RAVDESS_SONG, CREMA_D, NEMO, BANGLASER)}


@dataclass(frozen=True)
class Report:
    """What came of placing.

    `counts[corpus][emotion]` is how many of the recordings found are in data/ now. `placed` counts the new
    ones, `already_there` those of an earlier run and second copies. `unknown` are files that no corpus names
    so; `left_out` maps files to the reason why they are not in data/.
    """

    counts: dict[str, dict[str, int]]
    placed: int
    already_there: int
    unknown: tuple[Path, ...]
    left_out: dict[Path, str]


def parse_placed(path: Path) -> Placed:
    """What the place of a file in data/ says about it.

    `corpus__speaker__name` carries the speaker, also for a corpus that is not declared here; a file under any
    other name is of the corpus "own" and its speaker is unknown.

    Raises:
        DataError: the file does not lie in a folder named after an emotion.
    """
    emotion = path.parent.name
    if emotion not in ALL_EMOTIONS:
        raise DataError(f"{emotion!r} is not an emotion: name the folder one of {', '.join(ALL_EMOTIONS)}.")
    corpus, _, rest = path.stem.partition("__")
    speaker, _, name = rest.partition("__")
    if not (corpus and speaker and name):
        return Placed(emotion, OWN, None, path.stem, None)
    known = CORPORA.get(corpus)
    parsed = known.parse(name) if known else None
    people = known.people if known else corpus
    return Placed(emotion, corpus, f"{people}-{speaker}", name, parsed.intensity if parsed else None)


def placed_path(recording: Placed) -> Path:
    """Where a corpus's recording lies, relative to data/. `parse_placed` is the inverse."""
    people = CORPORA[recording.corpus].people
    speaker = str(recording.speaker).removeprefix(f"{people}-")
    return Path(recording.emotion, f"{recording.corpus}__{speaker}__{recording.name}.wav")


def place(corpora: Sequence[Corpus], sources: Sequence[Path], data: Path) -> Report:
    """Puts the recordings of `corpora` that lie anywhere under `sources` into `data`.

    `sources[i]` is where `corpora[i]` is expected; recordings of the others are taken there, too. Files are
    hard links where the file system allows it and copies where it doesn't. Nothing that is already in `data`
    is changed, and a file appears there complete or not at all: what was interrupted leaves at most a hidden
    file, which the next run replaces.

    Raises:
        DataError: a source is missing, can't be read or holds no recording, or `data` can't be written.
    """
    found: dict[Path, Placed] = {}
    unknown: list[Path] = []
    for expected, source in zip(corpora, sources, strict=False):
        recordings, others = _scan(corpora, expected, source, data)
        found |= recordings
        unknown += others
    left_out: dict[Path, str] = {}
    in_data: dict[Path, Placed] = {}
    placed = already_there = 0
    with _failures_named(data):
        for path, recording in found.items():
            target = data / placed_path(recording)
            if reason := _flaw(path, recording) or _conflict(path, target):
                left_out[path] = reason
                continue
            in_data[target] = recording
            if target.exists():
                already_there += 1
            else:
                _put(path, target)
                placed += 1
    return Report(_count(corpora, in_data.values()), placed, already_there, tuple(unknown), left_out)


@contextmanager
def _failures_named(data: Path) -> Iterator[None]:
    """Turns what the disk refuses into a DataError."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"Placing recordings into {data} failed ({error.strerror}): "
            "make room or see to its permissions, then run this again."
        ) from error


def _scan(
    corpora: Sequence[Corpus], expected: Corpus, source: Path, data: Path
) -> tuple[dict[Path, Placed], list[Path]]:
    """The recordings under `source`, and the files that are neither a recording nor a document."""
    advice = (
        f"{expected.title} is published at {expected.url}; "
        f"unpack it to a folder {expected.folder}, or say which folder holds it."
    )
    if not source.is_dir():
        raise DataError(f"There is no folder {source}: {advice}")
    recordings: dict[Path, Placed] = {}
    others: list[Path] = []
    for path in _walk(source, data):
        parses = (corpus.parse(path.stem) for corpus in corpora)
        recording = next((parsed for parsed in parses if parsed), None)
        if recording and path.suffix.lower() == ".wav":
            recordings[path] = recording
        elif path.suffix.lower() not in DOCUMENTS:
            others.append(path)
    if not recordings:
        raise DataError(f"The folder {source} holds no recording named like {expected.example}: {advice}")
    return recordings, others


def _walk(source: Path, data: Path) -> Iterator[Path]:
    """Files under `source` in a fixed order, without hidden ones, macOS's twins and `data` itself."""

    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename} can't be read ({error.strerror}): see to its permissions.") from error

    for folder, folders, names in os.walk(source, onerror=refuse):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith((".", "__MACOSX")) and Path(folder, name).resolve() != data.resolve()
        )
        yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))


def _flaw(path: Path, recording: Placed) -> str | None:
    """Why this recording is not fit to be placed, or None."""
    if known := CORPORA[recording.corpus].left_out.get(recording.name):
        return known
    try:
        with path.open("rb") as file:
            start = file.read(len(_LFS_POINTER))
    except OSError as error:
        return f"it can't be read ({error.strerror})"
    if start == _LFS_POINTER:
        return "it only points to the sound: run `git lfs pull` where it was cloned"
    return None if start else "it is empty"


def _conflict(path: Path, target: Path) -> str | None:
    """Why placing this file would change what is in data/, or None."""
    if target.exists() and target.stat().st_size != path.stat().st_size:
        return f"another file is already at {target}; delete that one to place this"
    return None


def _put(source: Path, target: Path) -> None:
    """Links or copies `source` to `target`, which appears whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source.resolve(), target)
    except OSError:  # another disk, or a file system without hard links
        part = target.with_name(f".{target.name}.part")
        try:
            shutil.copyfile(source, part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


def _count(corpora: Sequence[Corpus], recordings: Iterable[Placed]) -> dict[str, dict[str, int]]:
    """How many recordings each corpus has of each emotion, zeros included."""
    counted = Counter((recording.corpus, recording.emotion) for recording in recordings)
    return {corpus.name: {emotion: counted[corpus.name, emotion] for emotion in ALL_EMOTIONS} for corpus in corpora}
