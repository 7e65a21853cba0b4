"""The errors people may see. Each message is one sentence that says what to do.

The core raises them; the doors choose status and exit code by `code` and show the message as it is.
"""


class VoiceError(Exception):
    """Base of every error that is meant for the person using the program.

    `code` is stable and machine-readable; `str(error)` is for people.
    """

    code = "error"


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


class BundleError(VoiceError):
    """models/ is missing, incomplete, damaged or made for other code."""

    code = "bad_model"


class DataError(VoiceError):
    """A corpus or data/ is missing, empty or too small to train on."""

    code = "bad_data"


class ClipNotFoundError(VoiceError):
    """This visitor has no such clip."""

    code = "not_found"


class StoreError(VoiceError):
    """The history can't be read or written now (disk full, read-only, locked, damaged)."""

    code = "storage_unavailable"


class TranscriptionError(VoiceError):
    """No transcript for this clip. The emotion stands."""

    code = "transcription_failed"


class NothingUnderstoodError(TranscriptionError):
    """The engine listened and made out no words."""

    code = "nothing_understood"


class TranscriberUnavailableError(TranscriptionError):
    """The engine is not installed, can't be reached, refused or took too long."""

    code = "transcriber_unavailable"
