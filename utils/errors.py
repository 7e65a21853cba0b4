"""The errors people may see. Each message is one sentence that says what to do.

The core raises them, in English: `raise TooShortError("Speak for at least {seconds} s.", seconds=1)`. The sentence is a
literal, so that the catalogues of translations/ have it, and what changes is in its gaps. The doors choose status and
exit code by `code` and say the sentence in the language of the person (`utils.language`).
"""


def marked(sentence: str) -> str:
    """`sentence` itself: so the catalogues have what is said elsewhere."""
    return sentence


class VoiceError(Exception):
    """Base of every error that is meant for the person using the program.

    `code` is stable and machine-readable; `str(error)` is for people: `sentence` with its `gaps` filled.
    """

    code = "error"

    def __init__(self, sentence: str = "", **gaps: object) -> None:
        super().__init__(sentence.format(**gaps) if gaps else sentence)
        self.sentence, self.gaps = sentence, gaps


class AudioError(VoiceError):
    """The audio that was handed over can't be used."""

    code = "bad_audio"


class AudioNotFoundError(AudioError):
    """There is no such file, or it is a folder or can't be opened."""

    code = "not_found"


class UnreadableAudioError(AudioError):
    """Empty, damaged, or not audio in a format we read."""

    code = "unreadable_audio"


class AudioTooLargeError(AudioError):
    """More bytes or more samples than are ever accepted."""

    code = "too_large"


class TooShortError(AudioError):
    """There is a voice, but too little of it to judge."""

    code = "too_short"


class NoSpeechError(AudioError):
    """Silence, or sound without a voice."""

    code = "no_speech"


class VoiceProfileError(VoiceError):
    """There was nothing to learn a voice from, or its profile was changed or belongs to another model."""

    code = "bad_voice_profile"


class ProfileNotFoundError(VoiceError):
    """This visitor has no such voice."""

    code = "not_found"


class BundleError(VoiceError):
    """models/ is missing, incomplete, damaged or made for other code."""

    code = "bad_model"


class DataError(VoiceError):
    """A corpus or data/ is missing, empty or too small to train on."""

    code = "bad_data"


class ClipNotFoundError(VoiceError):
    """This visitor has no such clip."""

    code = "not_found"


class UnknownEmotionError(VoiceError):
    """A correction names no emotion that is known here."""

    code = "unknown_emotion"


class RecordingNotFoundError(VoiceError):
    """This visitor has no such recording."""

    code = "not_found"


class RecordingStateError(VoiceError):
    """What was asked of a recording doesn't fit how far its analysis is."""

    code = "conflict"


class QueueFullError(VoiceError):
    """As many recordings as the server takes are waiting already."""

    code = "queue_full"


class StoreError(VoiceError):
    """The history can't be read or written now (disk full, read-only, locked, damaged)."""

    code = "storage_unavailable"


class ExportError(VoiceError):
    """There is no such format, or what it needs is not installed."""

    code = "export_unavailable"


class WorkersError(VoiceError):
    """Nobody is there, or left, to do the work: no cluster, no workers, no memory for a process."""

    code = "no_workers"


class TranscriptionError(VoiceError):
    """No transcript for this clip. The emotion stands."""

    code = "transcription_failed"


class NothingUnderstoodError(TranscriptionError):
    """The engine listened and made out no words."""

    code = "nothing_understood"


class TranscriberUnavailableError(TranscriptionError):
    """The engine is not installed, can't be reached, refused or took too long."""

    code = "transcriber_unavailable"
