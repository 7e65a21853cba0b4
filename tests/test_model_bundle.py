"""A bundle is loaded as it was sealed or not at all, and replaced in one step or not at all."""

import json
import shutil
from pathlib import Path

import pytest

from tests.made_up import tiny_bundle
from utils import model_bundle
from utils.emotions import DEFAULT_LABELS
from utils.errors import BundleError
from utils.features import FeatureSettings
from utils.model_bundle import CARD, MANIFEST, ONNX, SCALER, load_bundle, replace_folder, seal, verify_files
from utils.predictor import Predictor

pytest.importorskip("onnx")

ADVICE = r": restore models/ from the repository or make it again with python train\.py\.$"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return tiny_bundle(tmp_path / "models")


def manifest_of(bundle: Path) -> dict[str, object]:
    return json.loads((bundle / MANIFEST).read_text("utf-8"))


# --- Loading


def test_what_was_sealed_is_loaded(bundle: Path) -> None:
    loaded = load_bundle(bundle)
    assert loaded.labels == DEFAULT_LABELS
    assert loaded.settings == FeatureSettings()
    assert loaded.onnx == (bundle / ONNX).read_bytes()
    assert (loaded.system, loaded.uncertain_below, loaded.metrics) == ("made-up", 0.0, {"uar": 0.5})
    assert loaded.version
    verify_files(bundle)


def test_serving_never_unpickles(bundle: Path, tmp_path: Path) -> None:
    """A scaler that runs code when it is unpickled, sealed by whoever could: serving doesn't touch it."""
    (bundle / SCALER).write_bytes(b"cos\nsystem\n(S'touch %s'\ntR." % bytes(tmp_path / "owned"))
    seal(bundle, manifest_of(bundle))
    Predictor.load(bundle).warm_up()
    assert not (tmp_path / "owned").exists()


def test_other_labels_and_settings_come_back_too(tmp_path: Path) -> None:
    folder = tiny_bundle(tmp_path, ("sad", "glücklich"))
    sealed = {**manifest_of(folder), "features": FeatureSettings(mfcc=20).as_dict()}
    seal(folder, sealed)
    assert load_bundle(folder).labels == ("sad", "glücklich")
    assert load_bundle(folder).settings == FeatureSettings(mfcc=20)


def test_the_version_changes_with_any_file_and_only_then(tmp_path: Path) -> None:
    one, same, other = (load_bundle(tiny_bundle(tmp_path / name)) for name in "abc")
    assert one.version == same.version == other.version
    (tmp_path / "c" / CARD).write_text("Another card.")
    seal(tmp_path / "c", {key: value for key, value in manifest_of(tmp_path / "c").items() if key != "files"})
    assert load_bundle(tmp_path / "c").version != one.version


def test_sealing_again_is_the_same(bundle: Path) -> None:
    before = (bundle / MANIFEST).read_bytes()
    seal(bundle, manifest_of(bundle))
    assert (bundle / MANIFEST).read_bytes() == before


# --- Refusing


@pytest.mark.parametrize("name", [MANIFEST, ONNX])
def test_a_missing_file_is_named(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    with pytest.raises(BundleError, match=rf"^There is no trained model \({name} is missing\)" + ADVICE):
        load_bundle(bundle)


def test_no_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"^There is no trained model \(bundle\.json is missing\)" + ADVICE):
        load_bundle(tmp_path / "nowhere")


@pytest.mark.parametrize("name", [MANIFEST, ONNX])
def test_a_folder_in_a_file_s_place_is_refused(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    (bundle / name).mkdir()
    with pytest.raises(BundleError, match="^The trained model can't be read" + ADVICE):
        load_bundle(bundle)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"null", b'"digest"', b"{}", b'{"digest": null}'])
def test_a_manifest_that_is_none_is_refused(bundle: Path, content: bytes) -> None:
    (bundle / MANIFEST).write_bytes(content)
    with pytest.raises(BundleError, match=ADVICE):
        load_bundle(bundle)


def test_every_changed_byte_of_the_manifest_is_refused(bundle: Path) -> None:
    path = bundle / MANIFEST
    original = path.read_bytes()
    for position, byte in enumerate(original):
        path.write_bytes(original[:position] + bytes([byte ^ 1]) + original[position + 1 :])
        with pytest.raises(BundleError, match=ADVICE):
            load_bundle(bundle)


def test_changed_bytes_of_the_network_are_refused(bundle: Path) -> None:
    path = bundle / ONNX
    original = path.read_bytes()
    for position in {*range(0, len(original), 37), 0, len(original) - 1}:
        path.write_bytes(original[:position] + bytes([original[position] ^ 1]) + original[position + 1 :])
        with pytest.raises(BundleError, match=rf"^{ONNX} was changed after training" + ADVICE):
            load_bundle(bundle)
    for content in (b"", original[:-1], original + b"\0"):
        path.write_bytes(content)
        with pytest.raises(BundleError, match=rf"^{ONNX} was changed after training" + ADVICE):
            load_bundle(bundle)


@pytest.mark.parametrize(
    "change",
    [
        {"labels": [DEFAULT_LABELS[1], DEFAULT_LABELS[0], *DEFAULT_LABELS[2:]]},
        {"labels": list(DEFAULT_LABELS[:-1])},
        {"features": {**FeatureSettings().as_dict(), "hop": 277}},
        {"features": {**FeatureSettings().as_dict(), "dynamic_range_db": 60.0}},
        {"uncertain_below": 0.1},
        {"metrics": {"uar": 0.99}},
        {"files": {}},
        {"format": 2},
        {"digest": "0" * 64},
    ],
)
def test_a_changed_value_is_refused(bundle: Path, change: dict[str, object]) -> None:
    changed = {**manifest_of(bundle), **change}
    (bundle / MANIFEST).write_text(json.dumps(changed))
    with pytest.raises(BundleError, match=rf"^{MANIFEST} was changed after training" + ADVICE):
        load_bundle(bundle)


@pytest.mark.parametrize("format_", [2, "1", None])
def test_another_format_is_refused(bundle: Path, format_: object) -> None:
    seal(bundle, {**manifest_of(bundle), "format": format_})
    with pytest.raises(BundleError, match="format 1, which this program reads" + ADVICE):
        load_bundle(bundle)


@pytest.mark.parametrize("change", [{"features": {"window": 3}}, {"features": None}, {"labels": None}])
def test_what_other_code_sealed_is_refused(bundle: Path, change: dict[str, object]) -> None:
    seal(bundle, {**manifest_of(bundle), **change})
    with pytest.raises(BundleError, match="written by another version of this program" + ADVICE):
        load_bundle(bundle)


@pytest.mark.parametrize("key", ["system", "labels", "features", "uncertain_below", "metrics"])
def test_a_manifest_that_lacks_something_is_refused(bundle: Path, key: str) -> None:
    seal(bundle, {name: value for name, value in manifest_of(bundle).items() if name != key})
    with pytest.raises(BundleError, match=ADVICE):
        load_bundle(bundle)


def test_files_that_serving_doesn_t_need_are_verified_on_demand(bundle: Path) -> None:
    (bundle / CARD).write_text("Better figures.")
    assert load_bundle(bundle).labels == DEFAULT_LABELS
    with pytest.raises(BundleError, match=rf"^{CARD} is missing or was changed after training" + ADVICE):
        verify_files(bundle)
    (bundle / CARD).unlink()
    with pytest.raises(BundleError, match=rf"^{CARD} is missing"):
        verify_files(bundle)


# --- Replacing


def test_a_new_folder_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    new, target = tmp_path / "new", tmp_path / "models"
    for folder in (new, target):
        folder.mkdir()
        (folder / folder.name).write_text("x")
    replace_folder(new, target)
    assert [path.name for path in tmp_path.iterdir()] == ["models"]
    assert [path.name for path in target.iterdir()] == ["new"]


def test_where_nothing_was_the_new_folder_appears(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    replace_folder(tmp_path / "new", tmp_path / "models")
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


@pytest.mark.parametrize("existed", [True, False])
def test_when_renaming_fails_everything_is_as_it_was(
    tmp_path: Path, existed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    new, target = tiny_bundle(tmp_path / "new"), tmp_path / "models"
    if existed:
        shutil.copytree(new, target)
    monkeypatch.setattr(model_bundle, "_exchange", lambda *_: False)
    rename = Path.rename

    def refuse(self: Path, to: Path) -> Path:
        if self == new:
            raise OSError("no room")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OSError, match="no room"):
        replace_folder(new, target)
    assert sorted(path.name for path in tmp_path.iterdir()) == (["models", "new"] if existed else ["new"])
    verify_files(new)
    if existed:
        verify_files(target)


def test_when_the_old_folder_can_t_be_moved_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new, target = tiny_bundle(tmp_path / "new"), tiny_bundle(tmp_path / "models")

    monkeypatch.setattr(model_bundle, "_exchange", lambda *_: False)

    def refuse(self: Path, to: Path) -> Path:
        raise PermissionError

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(PermissionError):
        replace_folder(new, target)
    verify_files(new)
    verify_files(target)
