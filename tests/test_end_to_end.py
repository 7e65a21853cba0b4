"""Real recordings, from the folders of the official downloads to an answer in the terminal's contract."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
import soxr

import train
from tests.test_train import on_the_processor  # noqa: F401 (a fixture)
from utils.decoding import SAMPLE_RATE
from utils.emotions import DEFAULT_LABELS
from utils.model_bundle import verify_files
from utils.predictor import Predictor

REPOSITORY = Path(__file__).parents[1]
CORPORA = Path(os.environ.get("VER_CORPORA", REPOSITORY.parent / "shared" / "corpora"))

# packed folder: what to take of it, where the official download has it, and who places it
TAKEN = {
    "ravdess_speech": ("Actor_0[1-3]/03-01-0[1-8]-01-01-0?-*", "Audio_Speech_Actors_01-24", "organize_ravdess.py"),
    "crema_d": ("100[2-4]_I[ET]?_*", "AudioWAV", "organize_crema_d.py"),
    "nemo_pl": ("samples/[EIW]??_*_[1-3]", "nEMO", "organize_nemo.py"),
    "banglaser": ("03-01-0?-01-01-0?-0[1-3]", "BanglaSER", "organize_banglaser.py"),
}

pytestmark = [
    pytest.mark.corpora,
    pytest.mark.slow,
    pytest.mark.skipif(not CORPORA.is_dir(), reason="the corpora are not here: set VER_CORPORA"),
]


def unpack(corpus: str, target: Path) -> int:
    """Writes a few speakers of a packed corpus as the official download has them; how many files."""
    pattern, folder, _ = TAKEN[corpus]
    packed = [path for path in (CORPORA / corpus).glob(f"{pattern}.*") if path.suffix in (".flac", ".opus")]
    for path in packed:
        samples, rate = soundfile.read(path, dtype="float32")
        wav = target / folder / path.relative_to(CORPORA / corpus).with_suffix(".wav")
        wav.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(wav, soxr.resample(samples, rate, SAMPLE_RATE), SAMPLE_RATE, subtype="PCM_16")
    return len(packed)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which somebody unpacked the downloads and ran the programs."""
    home = tmp_path_factory.mktemp("home")
    for corpus, (_, _, door) in TAKEN.items():
        assert unpack(corpus, home) >= 20, corpus
        done = subprocess.run([sys.executable, REPOSITORY / door], cwd=home, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), door
        assert ", 0 not known." in done.stdout
    options = ["--epochs", "2", "--variants", "1", "--jobs", "2"]
    for folder in ("data", "models", "cache", "runs"):
        options += [f"--{folder}", str(home / folder)]
    assert train.main(options) == 0
    return home


def test_from_the_official_folders_to_a_bundle(home: Path) -> None:
    verify_files(home / "models")
    card = (home / "models" / "README.md").read_text("utf-8")
    for title in ("RAVDESS speech", "CREMA-D", "nEMO", "BanglaSER"):
        assert card.count(f"| {title} |") == 2, "a row of figures and a row of licences"


def test_every_recording_is_heard_or_refused_by_name(home: Path) -> None:
    predictor = Predictor.load(home / "models")
    recordings = sorted((home / "data").rglob("*.wav"))
    statuses = []
    for path in recordings[::3]:
        prediction = predictor.predict(path)
        statuses.append(prediction.status)
        if prediction.emotion is None:
            continue
        assert tuple(prediction.probabilities) == DEFAULT_LABELS
        assert sum(prediction.probabilities.values()) == pytest.approx(1, abs=1e-5)
    refused = sum(status in ("no_speech", "too_short") for status in statuses)
    assert refused <= 0.02 * len(statuses)


def test_the_terminal_answers_with_the_new_bundle(home: Path) -> None:
    if not (REPOSITORY / "app.py").is_file():
        pytest.skip("app.py is not there yet")
    import json

    files = [str(next((home / "data" / emotion).iterdir())) for emotion in ("happy", "sad")]
    command = [sys.executable, REPOSITORY / "app.py", *files, "--json", "--models", home / "models"]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    predictor = Predictor.load(home / "models")
    for file, answer in zip(files, answers, strict=True):
        expected = predictor.predict(file)
        assert answer["emotion"] == expected.emotion
        assert answer["probabilities"] == pytest.approx(expected.probabilities, abs=1e-4)
