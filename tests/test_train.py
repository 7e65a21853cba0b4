"""The training door, from made-up recordings to a bundle, whole or interrupted or failing."""

import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import train
from tests.made_up import fill, tiny_bundle
from utils.dataset_loader import load_features, scan
from utils.decoding import encode_wav
from utils.emotions import DEFAULT_LABELS
from utils.errors import DataError
from utils.features import FeatureSettings
from utils.model_bundle import CARD, KERAS, MANIFEST, ONNX, SCALER, verify_files
from utils.predictor import Predictor
from utils.systems import DEFAULT_SYSTEM, SYSTEMS, Member, System
from utils.voice_profile import FLAGS, flags

if TYPE_CHECKING:
    import keras

REPOSITORY = Path(__file__).parents[1]
PLOTS = {"confusion_matrix.png", "training_history.png", "reliability.png"}
Shape = tuple[int, int]


@pytest.fixture(autouse=True)
def on_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data/ of four speakers, where caches gather over the tests."""
    folder = tmp_path_factory.mktemp("made")
    fill(folder / "data", ["AB0", "CD0", "EF0", "GH0"])
    for speaker in ("AB0", "CD0", "EF0", "GH0"):  # each has one in which nothing is heard
        silence = folder / f"data/happy/nemo__{speaker}__{speaker}_happiness_9.wav"
        silence.write_bytes(encode_wav(np.zeros(16_000)))
    return folder


def arguments(made: Path, target: Path, **changes: Any) -> list[str]:
    options = {
        "data": made / "data", "cache": made / "cache", "models": target / "models", "runs": target / "runs",
        "epochs": 2, "variants": 1, "jobs": 1, "replace": "always", **changes,
    }  # fmt: skip
    return [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# --- The door, without Keras


def test_the_systems_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["--list"]) == 0
    out = capsys.readouterr().out
    for system in SYSTEMS.values():
        assert system.name in out
    assert DEFAULT_SYSTEM in SYSTEMS


@pytest.mark.parametrize("wrong", [["--epochs", "0"], ["--epochs", "many"], ["--system", "none"], ["extra"], ["--x"]])
def test_wrong_usage_is_exit_code_2(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        train.main(wrong)
    assert exit_.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_without_recordings_it_says_where_they_come_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["--data", str(tmp_path / "nowhere"), "--models", str(tmp_path / "models")]) == 1
    out, err = capsys.readouterr()
    assert "organize_ravdess.py" in " ".join((out + err).split())
    assert "Traceback" not in out + err
    assert list(tmp_path.iterdir()) == []


def test_the_program_starts_without_keras() -> None:
    script = "import sys, train; train.main(['--list']); sys.exit('keras' in sys.modules)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], cwd=REPOSITORY, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_where_only_serving_is_installed_it_says_what_to_install(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "joblib", None)
    assert train.main(arguments(made, tmp_path)) == 1
    out, err = capsys.readouterr()
    said = " ".join((out + err).split())
    assert "joblib" in said and "requirements.txt" in said and "Traceback" not in said


# --- The whole of it, with the default system


@pytest.fixture(scope="module")
def trained(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("trained")
    assert train.main(arguments(made, target)) == 0
    return target


@pytest.mark.slow
class TestTrained:
    """What two epochs of the default system leave."""

    def test_every_file_is_written_and_nothing_else(self, trained: Path) -> None:
        models = trained / "models"
        assert {path.name for path in models.iterdir()} == {KERAS, SCALER, ONNX, MANIFEST, CARD} | PLOTS
        verify_files(models)
        for plot in PLOTS:
            assert (models / plot).read_bytes().startswith(b"\x89PNG")
        assert sorted(path.name for path in trained.iterdir()) == ["models", "runs"]
        assert list((trained / "runs").iterdir()) == []

    def test_the_manifest_says_what_serving_and_readers_need(self, trained: Path) -> None:
        manifest = json.loads((trained / "models" / MANIFEST).read_text("utf-8"))
        assert manifest["system"] == DEFAULT_SYSTEM
        assert manifest["labels"] == list(SYSTEMS[DEFAULT_SYSTEM].labels)
        assert FeatureSettings(**manifest["features"]) == SYSTEMS[DEFAULT_SYSTEM].features
        assert 0 < manifest["uncertain_below"] <= 1
        assert set(manifest["files"]) == {KERAS, SCALER, ONNX, CARD} | PLOTS
        metrics = manifest["metrics"]
        assert (metrics["speakers"], metrics["clips"], metrics["refused"]) == (1, 6, 1)
        assert metrics["uar"] == pytest.approx(np.mean([r for r in metrics["recalls"].values() if r is not None]))
        assert set(metrics["uar_by_corpus"]) == {"nemo"}

    def test_the_card_has_the_figures(self, trained: Path) -> None:
        card = (trained / "models" / CARD).read_text("utf-8")
        metrics = json.loads((trained / "models" / MANIFEST).read_text("utf-8"))["metrics"]
        assert f"| **all, pooled** | {metrics['clips']} | {metrics['uar']:.1%} |" in card
        assert "| " + " | ".join(DEFAULT_LABELS) + " |" in card
        assert "| nEMO | 21 | CC BY-NC-SA 4.0 |" in card  # those who calibrated are trained on, too
        for plot in ("confusion_matrix.png", "reliability.png"):
            assert f"({plot})" in card
        assert "None" not in card
        assert "nan" not in card

    def test_keras_with_its_scaler_and_onnx_say_the_same(self, trained: Path, made: Path) -> None:
        keras = pytest.importorskip("keras")
        joblib = pytest.importorskip("joblib")
        from utils.batches import summaries

        recordings = scan(made / "data", DEFAULT_LABELS)
        settings = SYSTEMS[DEFAULT_SYSTEM].features
        features = load_features(recordings, settings, cache=made / "cache", jobs=1).arrays
        assert len(features) == 24
        network = keras.saving.load_model(trained / "models" / KERAS)
        scaler = joblib.load(trained / "models" / SCALER)
        count = features.shape[-1]
        flat = scaler.transform(features.reshape(-1, count).astype(np.float64))
        summary = summaries(features, scaler)
        voice = np.zeros((len(features), summary.shape[1] + FLAGS), dtype=np.float32)
        normal = flat.reshape(features.shape).astype(np.float32)
        inputs = {"features": normal, "summary": summary, "voice": voice}
        heard = {tensor.name: inputs[tensor.name] for tensor in network.inputs}
        expected = network.predict(heard, verbose=0)["probabilities"]
        predictor = Predictor.load(trained / "models")
        found = predictor.hear(features).probabilities
        assert np.abs(found - expected).max() < 1e-4
        assert np.ptp(found, axis=0).max() > 1e-4, "different clips are told apart"
        alone = np.concatenate([predictor.hear(clip[None]).probabilities for clip in features[:5]])
        assert np.abs(alone - found[:5]).max() < 1e-5

    def test_the_predictor_hears_with_it(self, trained: Path, made: Path) -> None:
        predictor = Predictor.load(trained / "models")
        prediction = predictor.predict(next((made / "data" / "happy").iterdir())).require_speech()
        assert tuple(prediction.probabilities) == DEFAULT_LABELS
        assert sum(prediction.probabilities.values()) == pytest.approx(1, abs=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends signals")
def test_killed_it_goes_on_where_it_was_and_ctrl_c_keeps_the_best(made: Path, tmp_path: Path) -> None:
    command = [sys.executable, "train.py", *arguments(made, tmp_path, epochs=500, system="cnn-lstm-attention")]
    tiny_bundle(tmp_path / "models")
    before = content(tmp_path / "models")

    def run_until(epochs: int, then: signal.Signals) -> tuple[int, list[dict[str, float]], str]:
        with open(tmp_path / "out.txt", "w") as out:
            process = subprocess.Popen(command, cwd=REPOSITORY, stdout=out, stderr=subprocess.STDOUT)
            try:
                history = wait_for_epochs(process, epochs)
                process.send_signal(then)
                return process.wait(120), history, (tmp_path / "out.txt").read_text()
            finally:
                process.kill()
                process.wait()

    def wait_for_epochs(process: "subprocess.Popen[bytes]", epochs: int) -> list[dict[str, float]]:
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline and process.poll() is None:
            for path in tmp_path.glob("runs/*/member-0/history.json"):
                history = json.loads(path.read_text())
                if len(history) >= epochs:
                    return history
            time.sleep(0.05)
        pytest.fail(f"no {epochs} epochs came about:\n{(tmp_path / 'out.txt').read_text()[-3000:]}")

    code, first, _ = run_until(3, signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert content(tmp_path / "models") == before
    code, second, said = run_until(len(first) + 2, signal.SIGINT)
    assert code == 0, said
    assert second[: len(first) - 1] == first[:-1]
    assert "Traceback" not in said
    verify_files(tmp_path / "models")
    assert Predictor.load(tmp_path / "models").name == "cnn-lstm-attention"


# --- A tiny system, for what goes wrong


def tiny(shape: Shape, labels: int) -> "keras.Model":
    from keras import Model, layers

    inputs = layers.Input(shape)
    return Model(inputs, layers.Dense(labels)(layers.GlobalAveragePooling1D()(inputs)))


def a_system(members: int = 1, learning_rate: float = 1e-3, **changes: Any) -> System:
    networks = (Member(tiny, learning_rate=learning_rate),) * members
    return replace(System("tiny", "one layer", DEFAULT_LABELS, ("nemo",), networks), **changes)


@pytest.fixture
def door(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """`train.main` for the tiny system; a made-up bundle is there already."""
    monkeypatch.setitem(SYSTEMS, "tiny", a_system())
    tiny_bundle(tmp_path / "models")
    return lambda **changes: train.main(arguments(made, tmp_path, system="tiny", **changes))


def left_behind(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in tmp_path.iterdir() if path.name not in ("models", "models.previous", "runs"))


@pytest.mark.slow
def test_a_finished_training_replaces_the_old_bundle(door: Callable[..., int], tmp_path: Path) -> None:
    before = content(tmp_path / "models")
    assert door() == 0
    assert content(tmp_path / "models") != before
    verify_files(tmp_path / "models")
    assert Predictor.load(tmp_path / "models").name == "tiny"
    assert left_behind(tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("step", ["export", "load", "measure", "plot_history", "model_card", "second seal", "promote"])
def test_when_a_step_fails_models_is_as_it_was(
    door: Callable[..., int], tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from utils import training

    before = content(tmp_path / "models")

    def fail(*arguments: Any, **options: Any) -> Any:
        raise DataError("Something is wrong: mend it.")

    if step == "export":
        monkeypatch.setattr(training, "export", fail)
    elif step == "load":
        monkeypatch.setattr(train.Predictor, "load", fail)
    elif step == "second seal":
        seal, calls = train.seal, []

        def seal_once(*arguments: Any) -> None:
            calls.append(1)
            (seal if len(calls) == 1 else fail)(*arguments)

        monkeypatch.setattr(train, "seal", seal_once)
    elif step == "promote":
        monkeypatch.setattr(train.champion, "replace_folder", fail)
    else:
        monkeypatch.setattr(train, step, fail)
    assert door() == 1
    assert content(tmp_path / "models") == before
    assert left_behind(tmp_path) == []
    monkeypatch.undo()


@pytest.mark.slow
def test_interrupted_before_the_first_epoch_nothing_changes(
    door: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content(tmp_path / "models")
    from utils import training

    def interrupt(*arguments: Any) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "unweighted_average_recall", interrupt)
    assert door() == 130
    assert "as it was" in " ".join(capsys.readouterr().err.split())
    assert content(tmp_path / "models") == before
    assert left_behind(tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("epoch", [1, 3])
def test_interrupted_later_the_best_so_far_is_the_bundle(
    door: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epoch: int
) -> None:
    seen: list[dict[str, float]] = []

    def interrupt(member: int, figures: dict[str, float]) -> None:
        seen.append(figures)
        if len(seen) == epoch:
            raise KeyboardInterrupt

    monkeypatch.setattr(train, "_epoch_bars", lambda *_: interrupt)
    assert door(epochs=50) == 0
    assert len(seen) == epoch
    verify_files(tmp_path / "models")
    assert Predictor.load(tmp_path / "models").name == "tiny"


@pytest.mark.slow
def test_without_enough_speakers_it_says_so_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(SYSTEMS, "tiny", a_system())
    fill(tmp_path / "data", ["AB0", "CD0"], seconds=0.8)
    assert train.main(arguments(tmp_path, tmp_path, system="tiny")) == 1
    assert "Traceback" not in capsys.readouterr().out
    assert not (tmp_path / "models").exists()


# --- Fitting, without sound


def some_clips(count: int = 60, seed: int = 0, variants: int = 1) -> Any:
    """Random features in which the label shows a little."""
    from utils.dataset_loader import Clips

    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 6, count)
    arrays = [rng.normal(3, 2, (count, 174, 120)) + 0.3 * np.eye(120)[truth][:, None, :] for _ in range(variants + 1)]
    weights, speakers = np.ones(count, dtype=np.float32), np.array([f"speaker {i % 5}" for i in range(count)])
    strong = (rng.integers(-1, 2, count)).astype(np.int8)
    return Clips([array.astype(np.float16) for array in arrays], truth, weights, speakers, strong)


def fit(folder: Path, *, epochs: int = 5, seed: int = 0, watch: Any = None, **changes: Any) -> Any:
    from utils import training

    return training.fit(
        a_system(**changes), some_clips(), some_clips(30, 1, 0), epochs=epochs, seed=seed, folder=folder, watch=watch
    )


@pytest.mark.slow
def test_the_best_epoch_is_the_one_that_is_kept(tmp_path: Path) -> None:
    from utils.evaluation import unweighted_average_recall

    fitted = fit(tmp_path, epochs=8, learning_rate=0.05)
    validation = some_clips(30, 1, 0)
    heard = fitted.probabilities(validation.variants[0]).argmax(axis=1)
    [history] = fitted.histories
    uars = [epoch["val_uar"] for epoch in history]
    assert len(uars) == 8
    assert unweighted_average_recall(validation.truth, heard) == pytest.approx(max(uars))
    assert min(uars) < max(uars)


@pytest.mark.slow
def test_the_same_seed_is_the_same_training(tmp_path: Path) -> None:
    losses = [
        [e["loss"] for e in fit(tmp_path / str(i), epochs=2, seed=seed).histories[0]]
        for i, seed in enumerate((1, 1, 2))
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert losses[0] != pytest.approx(losses[2], rel=1e-3)


@pytest.mark.slow
def test_training_stops_when_nothing_improves(tmp_path: Path) -> None:
    fitted = fit(tmp_path, epochs=200, learning_rate=1e-9, patience=3)
    assert len(fitted.histories[0]) == 4


@pytest.mark.slow
def test_a_run_that_broke_off_goes_on_and_a_finished_one_is_not_repeated(tmp_path: Path) -> None:
    seen: list[int] = []

    def power_cut(member: int, epoch: dict[str, float]) -> None:
        seen.append(member)
        if len(seen) == 3:
            raise RuntimeError("the power is gone")

    with pytest.raises(RuntimeError, match="power"):
        fit(tmp_path, watch=power_cut)
    before = json.loads((tmp_path / "member-0" / "history.json").read_text())
    fitted = fit(tmp_path, watch=lambda member, epoch: seen.append(member))
    assert len(seen) == 3 + 3, "two epochs were kept, the third was not over"
    assert len(fitted.histories[0]) == 5
    assert fitted.histories[0][:2] == before[:2]
    at_once = fit(tmp_path / "at once")
    assert [epoch["loss"] for epoch in fitted.histories[0]] == pytest.approx(
        [epoch["loss"] for epoch in at_once.histories[0]], rel=1e-5
    )
    again = fit(tmp_path, watch=lambda member, epoch: pytest.fail("it was trained again"))
    assert again.histories == fitted.histories
    assert again.temperature == fitted.temperature


@pytest.mark.slow
@pytest.mark.parametrize("cut", ["best.weights.h5", "latest.weights.h5"])
def test_a_kill_or_ctrl_c_while_a_checkpoint_is_written_breaks_nothing(
    tmp_path: Path, cut: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    save, saved = keras.Model.save_weights, []

    def save_half(self: "keras.Model", filepath: Any, *arguments: Any, **options: Any) -> None:
        save(self, filepath, *arguments, **options)
        saved.append(Path(filepath).name)
        if saved[-1].endswith(cut) and sum(name == saved[-1] for name in saved) == 2:
            os.truncate(filepath, 2000)
            raise KeyboardInterrupt

    monkeypatch.setattr(keras.Model, "save_weights", save_half)
    stopped = fit(tmp_path, epochs=6, learning_rate=0.05)
    assert 0 < len(stopped.histories[0]) < 6
    assert stopped.probabilities(some_clips(5).variants[0]).shape == (5, 6)
    monkeypatch.undo()
    assert len(fit(tmp_path, epochs=6, learning_rate=0.05).histories[0]) == 6


def as_long(epochs: int = 2) -> tuple[Member, ...]:
    """A network that is trained for so many epochs, whoever validates."""
    return (Member(tiny, epochs=epochs),)


@pytest.mark.slow
def test_without_validation_clips_everybody_trains_for_the_epochs_declared(tmp_path: Path) -> None:
    from utils import training

    how: dict[str, Any] = {"epochs": 9, "seed": 0, "temperatures": (1.5, 2.5)}
    fitted = training.fit(replace(a_system(), members=as_long(3)), some_clips(), None, folder=tmp_path, **how)
    assert fitted.temperatures == (1.5, 2.5)
    assert fitted.complete
    assert [set(epoch) for epoch in fitted.histories[0]] == [{"loss"}] * 3
    with pytest.raises(ValueError, match="tiny chooses its epochs"):
        training.fit(a_system(), some_clips(), None, folder=tmp_path, **how)


@pytest.mark.slow
@pytest.mark.parametrize(("steps", "epochs"), [(1, 1), (6, 3), (100, 4)])  # 60 clips twice are two batches of 48
def test_many_clips_are_heard_in_fewer_epochs(steps: int, epochs: int, tmp_path: Path) -> None:
    from utils import training

    system = replace(a_system(), members=(Member(tiny, epochs=4, steps=steps, batch=48),))
    fitted = training.fit(system, some_clips(), None, epochs=9, seed=0, folder=tmp_path)
    assert len(fitted.histories[0]) == epochs


@pytest.mark.slow
@pytest.mark.parametrize("interrupted", [False, True])
def test_those_who_only_calibrate_are_trained_on_in_the_end(
    interrupted: bool, door: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from utils import training

    fit_once, calls = training.fit, []

    def gone(*_: Any, **__: Any) -> Any:
        raise AssertionError("corrected clips are gone by now")

    def noted(system: System, clips: Any, validation: Any, **how: Any) -> Any:
        calls.append((set(clips.speakers), validation and set(validation.speakers)))
        monkeypatch.setattr(System, "load", gone)
        if interrupted and len(calls) == 2:
            raise KeyboardInterrupt
        fitted = fit_once(system, clips, validation, **how)
        calls[-1] += (fitted.temperatures,)
        return fitted

    monkeypatch.setattr(training, "fit", noted)
    monkeypatch.setitem(SYSTEMS, "tiny", replace(a_system(), members=as_long()))
    assert door() == 0
    verify_files(tmp_path / "models")
    first, second = calls
    assert second[0] == first[0] | first[1] and not first[0] & first[1]
    assert second[1] is None
    manifest = json.loads((tmp_path / "models" / MANIFEST).read_text("utf-8"))
    assert manifest["temperature"] == first[2][0]
    assert interrupted or second[2] == first[2]


@pytest.mark.slow
def test_what_networks_lean_to_elsewhere_is_learnt_from_those_who_train(
    door: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from utils import training
    from utils.elsewhere import Leaning

    heard: list[set[str]] = []
    found: list[Any] = []
    leaning, fit_once = Leaning(np.arange(6.0), 2.0), training.fit

    def fit_leaning(system: System, clips: Any, **_: Any) -> Leaning:
        heard.append(set(clips.speakers))
        return leaning

    def noted(system: System, clips: Any, validation: Any, **how: Any) -> Any:
        heard.append(set(clips.speakers))
        found.append(how.pop("leaning"))
        return fit_once(system, clips, validation, **how)  # four speakers of one place have no elsewhere

    monkeypatch.setattr(training, "fit_leaning", fit_leaning)
    monkeypatch.setattr(training, "fit", noted)
    monkeypatch.setitem(SYSTEMS, "tiny", replace(a_system(), members=as_long(), elsewhere=True))
    assert door() == 0
    assert heard[0] == heard[1] < heard[2]
    assert found == [leaning, leaning]


@pytest.mark.slow
def test_members_are_averaged_and_calibrated(tmp_path: Path) -> None:
    from keras import ops

    from utils.networks import combine

    fitted = fit(tmp_path, epochs=2, members=2)
    assert len(fitted.histories) == 2
    members = [tiny((174, 120), 6) for _ in range(2)]
    features = np.random.default_rng(0).normal(size=(5, 174, 120)).astype(np.float32)
    logits = np.mean([ops.convert_to_numpy(member(features)) for member in members], axis=0)
    expected = np.exp(logits / 2) / np.exp(logits / 2).sum(axis=1, keepdims=True)
    together = combine(members, [("features",)] * 2, {"features": (174, 120)}, (2.0, 2.0))
    found = ops.convert_to_numpy(together({"features": features})["probabilities"])
    assert np.abs(found - expected).max() < 1e-5
    assert fitted.probabilities(features).sum(axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.slow
def test_networks_that_know_a_voice_hear_how_far_a_clip_is_from_it() -> None:
    from keras import ops

    from utils.networks import dense, known_dense, known_linear, linear

    def differ(network: Any, one: list[np.ndarray], other: list[np.ndarray]) -> bool:
        first, second = (ops.convert_to_numpy(network(heard if len(heard) > 1 else heard[0])) for heard in (one, other))
        return float(np.abs(first - second).max()) > 1e-6

    rng = np.random.default_rng(0)
    summary, usual, change = (rng.integers(-8, 9, (3, 1, 40)) / 4).astype(np.float32)  # their sums aren't rounded
    for build in (dense, linear):
        assert differ(build((40,), 6), [summary], [summary + change])

    def profile(mean: np.ndarray) -> np.ndarray:
        return np.concatenate([mean, np.ones((1, FLAGS))], axis=1).astype(np.float32)

    for build in (known_dense, known_linear):
        known = build((40,), (40 + FLAGS,), 6)
        assert differ(known, [summary, profile(usual)], [summary, profile(usual + change)])
        assert not differ(known, [summary, profile(usual)], [summary + change, profile(usual + change)])


@pytest.mark.slow
def test_the_more_clips_a_voice_was_learnt_from_the_more_its_networks_say() -> None:
    from keras import Model, layers, ops

    from utils.networks import KNOWN_SHARE, combine

    def always(logit: float, *sizes: int) -> Model:
        """A network that gives the first of two labels `logit`, whatever it hears."""
        inputs = [layers.Input((size,)) for size in sizes]
        layer = layers.Dense(2)
        network = Model(inputs, layer(inputs[0]))
        layer.set_weights([np.zeros((sizes[0], 2)), np.array([logit, 0.0])])
        return network

    shapes = {"summary": (3,), "voice": (3 + FLAGS,)}
    hears = [("summary",), ("summary", "voice")]
    together = combine([always(0.0, 3), always(4.0, 3, 3 + FLAGS)], hears, shapes, (1.0, 1.0))
    voices = np.stack([np.zeros(3 + FLAGS, np.float32), *(np.r_[0, 0, 0, flags("mixed", n)] for n in (1, 9, 10_000))])
    found = ops.convert_to_numpy(
        together({"summary": np.ones((4, 3), np.float32), "voice": voices.astype(np.float32)})["probabilities"]
    )
    logits = np.log(found[:, 0] / found[:, 1])
    assert logits == pytest.approx([0, *(4 * KNOWN_SHARE * np.sqrt([1 / 4, 3 / 4, 1]))], abs=0.01)


@pytest.mark.slow
def test_ctrl_c_in_a_later_member_keeps_those_that_have_a_best(tmp_path: Path) -> None:
    seen: list[int] = []

    def interrupt(member: int, epoch: dict[str, float]) -> None:
        seen.append(member)
        if seen.count(1) == 2:
            raise KeyboardInterrupt

    fitted = fit(tmp_path, epochs=3, members=3, watch=interrupt)
    assert seen == [0, 0, 0, 1, 1]
    assert len(fitted.histories) == 2


@pytest.mark.slow
def test_ctrl_c_before_a_later_member_has_a_best_keeps_the_finished_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from utils import training

    fit_member, calls = training._fit_member, []

    def interrupted(*arguments: Any) -> bool:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return fit_member(*arguments)

    monkeypatch.setattr(training, "_fit_member", interrupted)
    assert len(fit(tmp_path, epochs=2, members=3).histories) == 1


@pytest.mark.slow
def test_normalized_features_have_mean_0_and_deviation_1() -> None:
    from utils.batches import fit_scaler, normalize

    features = some_clips(600).variants[0]
    features[:, :, 7] = 5  # one that never changes
    normal = normalize(features, fit_scaler(features))
    assert normal.dtype == np.float32
    assert normal.mean(axis=(0, 1)) == pytest.approx(0, abs=1e-3)
    assert np.delete(normal.std(axis=(0, 1)), 7) == pytest.approx(1, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, system in SYSTEMS.items() if system.members])
def test_every_network_is_of_plain_keras_layers_and_gives_a_logit_a_label(name: str) -> None:
    from keras import ops

    from utils.batches import input_shapes

    system = SYSTEMS[name]
    rng = np.random.default_rng(0)
    shapes = input_shapes(system.features)
    for member in set(system.members):
        network = member.network(*(shapes[name] for name in member.hears), len(system.labels))
        clips = [rng.normal(size=(3, *shapes[name])).astype(np.float32) for name in member.hears]
        for layer in network._flatten_layers():
            assert type(layer).__module__.startswith("keras."), layer
            assert type(layer).__name__ != "Lambda"
        logits = ops.convert_to_numpy(network(clips if len(clips) > 1 else clips[0]))
        assert logits.shape == (3, len(system.labels))
        assert np.abs(logits.sum(axis=1) - 1).max() > 1e-3, "these are no probabilities"
        if member.distort:
            distorted = member.distort(clips[0][0], np.random.default_rng(1))
            assert distorted.shape == shapes["features"]
            assert distorted.dtype == np.float32


# --- Other systems: their features, their files


def of_made_up_voices(name: str) -> System:
    """The declared system, to be trained on the made-up recordings."""
    return replace(SYSTEMS[name], labels=DEFAULT_LABELS, corpora=("nemo",))


KINDS = ("conv1d-bigru", "cnn", "spectrogram-cnn", "cnn-bilstm-attention")
"""One network for each kind of features that isn't the default."""


@pytest.mark.parametrize(
    "name",
    ["random-forest", "knn", "svm", "functionals-svm", *(pytest.param(name, marks=pytest.mark.slow) for name in KINDS)],
)
def test_a_system_becomes_a_bundle_that_the_predictor_serves(
    name: str, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    system = of_made_up_voices(name)
    monkeypatch.setitem(SYSTEMS, name, system)
    assert train.main(arguments(made, tmp_path, system=name, epochs=1, variants=0)) == 0, capsys.readouterr().err
    models = tmp_path / "models"
    verify_files(models)
    written = {path.name for path in models.iterdir()}
    only_networks = {KERAS, SCALER, "training_history.png"}
    assert written == {ONNX, MANIFEST, CARD, *PLOTS, *only_networks} - (only_networks if system.estimator else set())
    manifest = json.loads((models / MANIFEST).read_text("utf-8"))
    assert FeatureSettings(**manifest["features"]) == system.features
    card = (models / CARD).read_text("utf-8")
    assert (KERAS in card) == bool(system.members)
    assert "Because nEMO is licensed" in card
    assert "It heard Polish" in card
    predictor = Predictor.load(models)
    predictor.warm_up()
    prediction = predictor.predict(next((made / "data" / "happy").iterdir())).require_speech()
    assert sum(prediction.probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert (tmp_path / "runs").exists() == bool(system.members)


def test_a_system_that_starts_from_a_file_says_when_there_is_none(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*arguments: Any, **options: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setitem(SYSTEMS, "resnet18", of_made_up_voices("resnet18"))
    monkeypatch.setattr(train, "trainer_of", lambda system: SimpleNamespace(fit=stop))
    assert train.main(arguments(made, tmp_path, system="resnet18", variants=0)) == 130
    assert "Training from scratch: --weights names no file" in " ".join(capsys.readouterr().out.split())


# --- ImageNet's weights


def safetensors(tensors: dict[str, np.ndarray]) -> bytes:
    header, values = {}, b""
    for name, tensor in tensors.items():
        data = tensor.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": [len(values), len(values) + len(data)]}
        values += data
    encoded = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    return struct.pack("<Q", len(encoded)) + encoded + values


@pytest.mark.slow
def test_resnet_18_starts_from_torchvision_s_weights(tmp_path: Path) -> None:
    from utils.image_networks import load_imagenet, resnet18

    network = resnet18((128, 128), 8)
    assert network.count_params() == pytest.approx(11.2e6, rel=0.01)
    rng, tensors = np.random.default_rng(0), {}
    for layer in network.layers:
        if type(layer).__name__ == "Conv2D":
            height, width, inputs, outputs = layer.get_weights()[0].shape
            tensors[f"{layer.name}.weight"] = rng.normal(size=(outputs, inputs, height, width)).astype(np.float32)
        elif type(layer).__name__ == "BatchNormalization":
            for part in ("weight", "bias", "running_mean", "running_var"):
                tensors[f"{layer.name}.{part}"] = rng.uniform(1, 2, layer.get_weights()[0].shape).astype(np.float32)
    assert {"conv1.weight", "layer1.1.bn2.running_var", "layer4.0.downsample.0.weight"} <= set(tensors)
    assert len(tensors) == 20 + 4 * 20  # torchvision's, but for the classifier and the counters of batches
    (tmp_path / "resnet.safetensors").write_bytes(safetensors(tensors | {"fc.weight": rng.normal(size=(1000, 512))}))
    load_imagenet(network, tmp_path / "resnet.safetensors")
    first = network.get_layer("conv1").get_weights()[0]
    assert first[2, 5, 1, 7] == tensors["conv1.weight"][7, 1, 2, 5]
    assert np.array_equal(network.get_layer("layer3.0.bn2").get_weights()[3], tensors["layer3.0.bn2.running_var"])
    for name, content in (("missing", None), ("empty", b""), ("short", b"\0" * 20), ("other", safetensors({}))):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=r"holds no ResNet-18.*from scratch"):
            load_imagenet(network, tmp_path / name)
