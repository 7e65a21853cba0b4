"""models/: what a trained system needs to answer, written in one step and loaded only if every byte is as written.

bundle.json names each file's SHA-256 and carries a digest of itself, so a changed weight, label order or setting is
refused. Serving reads bundle.json and the ONNX file; it never unpickles.
"""

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from utils.errors import BundleError
from utils.features import FeatureSettings

MANIFEST = "bundle.json"
ONNX = "emotion_model.onnx"
KERAS = "best_emotion_model.keras"
SCALER = "feature_scaler.pkl"
CARD = "README.md"
FORMAT = 1

_ADVICE = "restore models/ from the repository or make it again with python train.py"


@dataclass(frozen=True)
class Bundle:
    """What serving knows of a trained system.

    `onnx` is the network's file content, hash checked; `uncertain_below` the confidence under which an answer is
    called uncertain; `metrics` the figures on unseen speakers.
    """

    system: str
    version: str
    labels: tuple[str, ...]
    settings: FeatureSettings
    uncertain_below: float
    metrics: dict[str, object]
    onnx: bytes


def load_bundle(folder: Path) -> Bundle:
    """Reads a bundle for serving.

    Raises:
        BundleError: something is missing, changed since it was written, or of another format.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        onnx = (folder / ONNX).read_bytes()
    except FileNotFoundError as error:
        name = Path(str(error.filename)).name
        raise BundleError(f"There is no trained model ({name} is missing): {_ADVICE}.") from error
    except (OSError, ValueError) as error:
        raise BundleError(f"The trained model can't be read: {_ADVICE}.") from error
    if not isinstance(manifest, dict) or manifest.get("digest") != _digest(manifest):
        raise BundleError(f"{MANIFEST} was changed after training: {_ADVICE}.")
    if manifest["format"] != FORMAT:
        raise BundleError(f"{MANIFEST} has format {manifest['format']}, this program reads {FORMAT}: {_ADVICE}.")
    if hashlib.sha256(onnx).hexdigest() != manifest["files"].get(ONNX):
        raise BundleError(f"{ONNX} was changed after training: {_ADVICE}.")
    return Bundle(
        system=manifest["system"],
        version=manifest["digest"][:12],
        labels=tuple(manifest["labels"]),
        settings=FeatureSettings(**manifest["features"]),
        uncertain_below=manifest["uncertain_below"],
        metrics=manifest["metrics"],
        onnx=onnx,
    )


def verify_files(folder: Path) -> None:
    """Checks every file of a bundle, also those that serving doesn't need.

    Raises:
        BundleError: as `load_bundle`.
    """
    load_bundle(folder)
    files = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
    for name, digest in files.items():
        path = folder / name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise BundleError(f"{name} is missing or was changed after training: {_ADVICE}.")


def seal(folder: Path, manifest: dict[str, object]) -> None:
    """Writes bundle.json for the files that are in `folder`: their hashes, and the digest of it all."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != MANIFEST)
    hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    sealed = {"format": FORMAT, **manifest, "files": hashes}
    sealed["digest"] = _digest(sealed)
    (folder / MANIFEST).write_text(json.dumps(sealed, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def replace_folder(new: Path, target: Path) -> None:
    """Puts the finished folder `new` in the place of `target`; where that fails, `target` is as it was."""
    old = target.with_name(f".{target.name}.{os.getpid()}.old")
    existed = target.exists()
    if existed:
        target.rename(old)
    try:
        new.rename(target)
    except OSError:
        if existed:
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _digest(manifest: dict[str, object]) -> str:
    content = {key: value for key, value in manifest.items() if key != "digest"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
