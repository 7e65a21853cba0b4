"""Clips that visitors corrected and let train the model, as recordings of a corpus of their own."""

import hashlib
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from utils.clip_store import ClipStore
from utils.corpora import CORRECTIONS, Placed
from utils.dataset_loader import Recording
from utils.decoding import encode_wav
from utils.emotions import label_for
from utils.errors import DataError


@contextmanager
def corrected_recordings(
    instance: Path, labels: Sequence[str], database_url: str | None = None, clips_url: str | None = None
) -> Iterator[list[Recording]]:
    """The corrected clips of everybody who consents, whose correction counts in `labels`; a visitor is a speaker.

    They lie in a private temporary folder for as long as this is open. A speaker's name is a hash with a salt that is
    kept nowhere: it tells nothing of the visitor, and the next training has other names.

    Args:
        instance: the folder of the history.
        labels: the label set to train.
        database_url: of the history's database, where it is not in `instance`.
        clips_url: of its clips, likewise.

    Raises:
        DataError: there is no such folder.
        StoreError: the history can't be read.
    """
    if not instance.is_dir():
        raise DataError(f"There is no history in {instance}: name the server's --instance folder.")
    salt = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="corrections-") as folder:
        recordings = []
        with closing(ClipStore(instance, database_url, clips_url)) as store:
            for visitor, clip, samples in store.for_training():
                emotion = clip.correction or ""
                label = label_for(emotion, tuple(labels))
                if label is None:
                    continue
                speaker = hashlib.sha256(f"{salt} {visitor}".encode()).hexdigest()[:12]
                path = Path(folder, f"{clip.id}.wav")
                path.write_bytes(encode_wav(samples))
                placed = Placed(emotion, CORRECTIONS, f"{CORRECTIONS}-{speaker}", clip.id, None)
                recordings.append(Recording(path, label, placed))
        yield recordings
