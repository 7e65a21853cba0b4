"""models/: what a trained system needs to answer, written in one step and loaded only if every byte is as written.

bundle.json names each file's SHA-256 and carries a digest of itself, so a changed weight, label order or setting is
refused. Serving reads bundle.json, the ONNX file and what tells voices apart; it never unpickles.
"""

import ctypes
import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from utils.errors import BundleError, marked
from utils.features import FeatureSettings

MANIFEST = "bundle.json"
ONNX = "emotion_model.onnx"
KERAS = "best_emotion_model.keras"
SCALER = "feature_scaler.pkl"
SPEAKERS = "speakers.npz"
CARD = "README.md"
FORMAT = 1

_MISSING = marked(
    "There is no trained model ({file} is missing): "
    "restore models/ from the repository or make it again with python train.py."
)
_UNREADABLE = marked(
    "The trained model can't be read: restore models/ from the repository or make it again with python train.py."
)
_CHANGED = marked(
    "{file} was changed after training: restore models/ from the repository or make it again with python train.py."
)
_LOST = marked(
    "{file} is missing or was changed after training: "
    "restore models/ from the repository or make it again with python train.py."
)
_FORMAT = marked(
    "{file} is not of format {format}, which this program reads: "
    "restore models/ from the repository or make it again with python train.py."
)
_VERSION = marked(
    "{file} was written by another version of this program: "
    "restore models/ from the repository or make it again with python train.py."
)


@dataclass(frozen=True)
class Bundle:
    """What serving knows of a trained system.

    `onnx` is the network's file content, hash checked, and `speakers` that of what tells voices apart, None where the
    system learnt nothing of that; `uncertain_below` the confidence under which an answer is
    called uncertain; `speech_above` the probability of a voice that an answer needs; `metrics` the figures on unseen
    speakers; `unheard` the `mark` of each speaker that it was neither trained nor chosen on (none where that was not
    written down).
    """

    system: str
    version: str
    labels: tuple[str, ...]
    settings: FeatureSettings
    uncertain_below: float
    speech_above: float
    metrics: dict[str, object]
    onnx: bytes
    unheard: frozenset[str] = frozenset()
    speakers: bytes | None = None


def mark(speaker: str | None) -> str:
    """What a bundle knows a speaker by: own recordings may carry people's names, which are nobody else's business."""
    return hashlib.sha256(str(speaker).encode()).hexdigest()[:16]


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
        raise BundleError(_MISSING, file=name) from error
    except (OSError, ValueError) as error:
        raise BundleError(_UNREADABLE) from error
    if not isinstance(manifest, dict) or manifest.get("digest") != _digest(manifest):
        raise BundleError(_CHANGED, file=MANIFEST)
    if manifest.get("format") != FORMAT:
        raise BundleError(_FORMAT, file=MANIFEST, format=FORMAT)
    try:
        files = manifest["files"]
        if hashlib.sha256(onnx).hexdigest() != files.get(ONNX):
            raise BundleError(_CHANGED, file=ONNX)
        speakers = _read_checked(folder / SPEAKERS, files[SPEAKERS]) if SPEAKERS in files else None
        return Bundle(
            system=manifest["system"],
            version=manifest["digest"][:12],
            labels=tuple(manifest["labels"]),
            settings=FeatureSettings(**manifest["features"]),
            uncertain_below=manifest["uncertain_below"],
            speech_above=manifest.get("speech_above", 0.0),
            metrics=manifest["metrics"],
            onnx=onnx,
            unheard=frozenset(manifest.get("unheard", ())),
            speakers=speakers,
        )
    except (KeyError, TypeError, ValueError) as error:  # sealed by other code
        raise BundleError(_VERSION, file=MANIFEST) from error


def verify_files(folder: Path) -> None:
    """Checks every file of a bundle, also those that serving doesn't need.

    Raises:
        BundleError: as `load_bundle`.
    """
    load_bundle(folder)
    files = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
    for name, digest in files.items():
        _read_checked(folder / name, digest)


def _read_checked(path: Path, digest: str) -> bytes:
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != digest:
        raise BundleError(_LOST, file=path.name)
    return content


def seal(folder: Path, manifest: dict[str, object]) -> None:
    """Writes bundle.json for the files that are in `folder`: their hashes, and the digest of it all."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != MANIFEST)
    hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    sealed = {"format": FORMAT, **manifest, "files": hashes}
    sealed["digest"] = _digest(sealed)
    (folder / MANIFEST).write_text(json.dumps(sealed, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def replace_folder(new: Path, target: Path) -> None:
    """Puts the finished folder `new` in the place of `target`; where that fails, `target` is as it was.

    On Linux that is one step: killed at any moment, `target` is one whole folder or the other.
    """
    if _exchange(new, target):
        shutil.rmtree(new, ignore_errors=True)
        return
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


def _exchange(one: Path, other: Path) -> bool:
    """Swaps two folders in one step; False where the system or its disk can't."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):  # not Linux
        return False
    here, swap = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return bool(renameat2(here, os.fsencode(one), here, os.fsencode(other), swap) == 0)


def _digest(manifest: dict[str, object]) -> str:
    content = {key: value for key, value in manifest.items() if key != "digest"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
