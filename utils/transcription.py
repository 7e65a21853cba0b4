"""Speech -> text behind one small interface. Engines: google, sphinx, whisper, vosk, off.

An engine's library is imported, and its model loaded, by the first clip it is given: programs start at once,
and a missing engine is one sentence beside a clip, never a failed start.
"""

import io
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from http.client import HTTPException
from threading import Lock
from typing import Any, Protocol
from urllib.error import HTTPError, URLError

import numpy as np
import soundfile

from utils.decoding import SAMPLE_RATE
from utils.errors import NothingUnderstoodError, TranscriberUnavailableError, TranscriptionError

ENGINES = ("google", "sphinx", "whisper", "vosk", "off")
DEFAULT_LANGUAGE = "en-US"
MAX_SECONDS = 120
"""Longer clips are not written down: Google refuses them, and an engine here would be busy for minutes."""

GOOGLE_ENDPOINT = "https://www.google.com/speech-api/v2/recognize"
"""The same service that SpeechRecognition calls over plain http."""
GOOGLE_TIMEOUT = 10.0  # seconds without a byte of the answer

LANGUAGES: tuple[str, ...] = (
    "en-US", "en-GB", "en-IN", "ar-EG", "bn-BD", "bn-IN", "cs-CZ", "da-DK", "de-DE", "el-GR", "es-ES",
    "es-MX", "fi-FI", "fr-FR", "he-IL", "hi-IN", "hu-HU", "id-ID", "it-IT", "ja-JP", "ko-KR", "nl-NL",
    "no-NO", "pl-PL", "pt-BR", "pt-PT", "ro-RO", "ru-RU", "sv-SE", "ta-IN", "te-IN", "th-TH", "tr-TR",
    "uk-UA", "ur-PK", "vi-VN", "zh-CN", "zh-TW",
)  # fmt: skip
"""Languages offered for the engines that know many, as BCP 47 tags."""


class Transcriber(Protocol):
    """Writes down what is said. Safe to share between threads.

    `name` is one of ENGINES; `languages` the BCP 47 tags it accepts (empty: any, or not known);
    `sends_audio_to` who else hears the clip, or None where it stays on this machine.
    """

    name: str
    languages: tuple[str, ...]
    sends_audio_to: str | None

    def transcribe(self, samples: np.ndarray, language: str = DEFAULT_LANGUAGE) -> str:
        """The words in `samples` (1-D float32, 16 kHz), never empty.

        Raises:
            NothingUnderstoodError: the engine listened and made out no words.
            TranscriberUnavailableError: it is off, not installed, can't be reached, refused, took too long or
                doesn't know the language; or the clip is longer than MAX_SECONDS.
        """
        ...


def fitting_language(known: tuple[str, ...], wanted: str) -> str:
    """The tag to ask an engine for that knows the languages `known` (empty: any), where a person reads `wanted`.

    It is `wanted` itself, or else the first of the same language, or else the default, or else the engine's first.
    """
    if not known:
        return wanted if "-" in wanted else DEFAULT_LANGUAGE
    same = [tag for tag in known if tag.partition("-")[0] == wanted.partition("-")[0]]
    return next(tag for tag in (wanted, *same, DEFAULT_LANGUAGE, known[0]) if tag in known)


def make_transcriber(name: str | None = None) -> Transcriber:
    """The engine called `name`, or else by the environment's VOICE_TRANSCRIBER, or else google.

    Also read from the environment: VOICE_GOOGLE_ENDPOINT (default GOOGLE_ENDPOINT), VOICE_WHISPER_MODEL (a
    model's name or folder, default "base") and VOICE_VOSK_MODEL (the model's folder).

    Raises:
        TranscriberUnavailableError: no engine has that name.
    """
    name = name or os.environ.get("VOICE_TRANSCRIBER") or "google"
    makers: dict[str, Callable[[], Transcriber]] = {
        "google": lambda: GoogleTranscriber(os.environ.get("VOICE_GOOGLE_ENDPOINT") or GOOGLE_ENDPOINT),
        "sphinx": SphinxTranscriber,
        "whisper": lambda: WhisperTranscriber(os.environ.get("VOICE_WHISPER_MODEL") or "base"),
        "vosk": lambda: VoskTranscriber(os.environ.get("VOICE_VOSK_MODEL") or ""),
        "off": OffTranscriber,
    }
    if name not in makers:
        raise TranscriberUnavailableError(
            "No transcriber is called “{name}”: choose {names}.", name=name, names=", ".join(ENGINES)
        )
    return makers[name]()


class OffTranscriber:
    """Writes nothing down."""

    name = "off"
    languages: tuple[str, ...] = ()
    sends_audio_to: str | None = None

    def transcribe(self, samples: np.ndarray, language: str = DEFAULT_LANGUAGE) -> str:
        """Never returns; see Transcriber."""
        raise TranscriberUnavailableError("Transcripts are switched off.")


class GoogleTranscriber:
    """Google's speech service, which hears the clip; see Transcriber.

    Wire format: POST endpoint?client=chromium&lang=en-US&key=...&pFilter=0 with a FLAC body and
    `Content-Type: audio/x-flac; rate=16000`; the answer is one JSON object a line, an empty one first:
    `{"result": []}`, then `{"result": [{"alternative": [{"transcript": "...", "confidence": 0.9}]}]}`.
    """

    name = "google"
    languages: tuple[str, ...] = LANGUAGES
    sends_audio_to: str | None = "Google"

    def __init__(self, endpoint: str = GOOGLE_ENDPOINT, timeout: float = GOOGLE_TIMEOUT) -> None:
        self._endpoint, self._timeout = endpoint, timeout

    def transcribe(self, samples: np.ndarray, language: str = DEFAULT_LANGUAGE) -> str:
        """Asks Google; see Transcriber."""
        _check_request(self, samples, language)
        try:
            import speech_recognition
        except ImportError as error:
            raise _not_installed("SpeechRecognition") from error
        recognizer = speech_recognition.Recognizer()
        recognizer.operation_timeout = self._timeout
        try:
            audio = _flac_audio(samples)
            return _words(recognizer.recognize_google(audio, language=language, endpoint=self._endpoint))
        except speech_recognition.UnknownValueError as error:
            raise _nothing_understood() from error
        except speech_recognition.RequestError as error:
            raise _google_failed(error.__context__) from error
        except (OSError, HTTPException) as error:  # the library lets these through while it reads the answer
            raise _google_failed(error) from error
        except (ValueError, LookupError, TypeError, AttributeError) as error:  # and these while it parses it
            raise TranscriberUnavailableError("Google's answer made no sense: try again later.") from error


class _LocalTranscriber(ABC):
    """Listens on this machine; its model is made by the first clip, kept, lent to one thread at a time."""

    name: str
    languages: tuple[str, ...]
    sends_audio_to: str | None = None

    def __init__(self) -> None:
        self._lock = Lock()
        self._model: Any = None

    def transcribe(self, samples: np.ndarray, language: str = DEFAULT_LANGUAGE) -> str:
        """Listens here; see Transcriber."""
        _check_request(self, samples, language)
        with self._lock:
            try:
                self._model = self._model or self._load()
                return _words(self._hear(samples, language))
            except TranscriptionError:
                raise
            except Exception as error:  # engines share no base class for what goes wrong inside
                self._model = None  # it may be stuck in the middle of this clip
                raise TranscriberUnavailableError(
                    "The transcriber “{name}” failed on this clip: try again or choose another one.", name=self.name
                ) from error

    @abstractmethod
    def _load(self) -> Any:
        """The engine with its model."""

    @abstractmethod
    def _hear(self, samples: np.ndarray, language: str) -> str:
        """What self._model makes of the clip; empty for nothing."""


class SphinxTranscriber(_LocalTranscriber):
    """PocketSphinx with the English model it carries; see Transcriber."""

    name = "sphinx"
    languages: tuple[str, ...] = (DEFAULT_LANGUAGE,)

    def _load(self) -> Any:
        try:
            from pocketsphinx import Decoder
        except ImportError as error:
            raise _not_installed("pocketsphinx") from error
        return Decoder(samprate=SAMPLE_RATE, dither=True, loglevel="FATAL")  # undithered silence is "dog"

    def _hear(self, samples: np.ndarray, language: str) -> str:
        self._model.start_utt()
        self._model.process_raw(_pcm16(samples), full_utt=True)
        self._model.end_utt()
        hypothesis = self._model.hyp()
        return hypothesis.hypstr if hypothesis else ""


class WhisperTranscriber(_LocalTranscriber):
    """faster-whisper on this machine's processor; see Transcriber."""

    name = "whisper"
    languages: tuple[str, ...] = LANGUAGES

    def __init__(self, model_name: str = "base") -> None:
        super().__init__()
        self._model_name = model_name

    def _load(self) -> Any:
        try:
            from faster_whisper import WhisperModel
        except ImportError as error:
            raise _not_installed("faster-whisper") from error
        try:
            return WhisperModel(self._model_name, device="cpu", compute_type="int8")
        except Exception as error:  # whatever its download, cache and runtime raise
            raise TranscriberUnavailableError(
                "Whisper's model “{name}” can't be loaded: connect to the network once so that it is downloaded, "
                "or set VOICE_WHISPER_MODEL to a folder that holds one.",
                name=self._model_name,
            ) from error

    def _hear(self, samples: np.ndarray, language: str) -> str:
        segments, _ = self._model.transcribe(
            samples, language=language.partition("-")[0], condition_on_previous_text=False
        )
        return " ".join(segment.text for segment in segments)


class VoskTranscriber(_LocalTranscriber):
    """Vosk with the model in `folder`, which decides the language; see Transcriber."""

    name = "vosk"
    languages: tuple[str, ...] = ()

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = folder

    def _load(self) -> Any:
        try:
            import vosk
        except ImportError as error:
            raise _not_installed("vosk") from error
        vosk.SetLogLevel(-1)
        try:
            model = vosk.Model(self._folder)
        except Exception as error:  # Vosk raises the base class itself
            raise TranscriberUnavailableError(
                "Vosk's model can't be loaded: set VOICE_VOSK_MODEL to the folder of an unpacked Vosk model."
            ) from error
        return lambda: vosk.KaldiRecognizer(model, SAMPLE_RATE)

    def _hear(self, samples: np.ndarray, language: str) -> str:
        recognizer = self._model()
        recognizer.AcceptWaveform(_pcm16(samples))
        return str(json.loads(recognizer.FinalResult())["text"])


def _flac_audio(samples: np.ndarray) -> Any:
    """`samples` as SpeechRecognition's AudioData, its FLAC made here.

    The library would start a `flac` program, and carries none for ARM.
    """
    from speech_recognition import AudioData

    class FlacAudio(AudioData):  # type: ignore[misc]
        def get_flac_data(self, convert_rate: int | None = None, convert_width: int | None = None) -> bytes:
            flac = io.BytesIO()
            soundfile.write(flac, samples, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
            return flac.getvalue()

    return FlacAudio(b"", SAMPLE_RATE, 2)


def _pcm16(samples: np.ndarray) -> bytes:
    pcm: np.ndarray = (np.clip(samples, -1.0, 1.0) * 32767).astype("<i2")
    return pcm.tobytes()


def _check_request(engine: Transcriber, samples: np.ndarray, language: str) -> None:
    if engine.languages and language not in engine.languages:
        raise TranscriberUnavailableError("This transcriber doesn't know the language “{language}”.", language=language)
    if not len(samples):
        raise _nothing_understood()
    if len(samples) > MAX_SECONDS * SAMPLE_RATE:
        raise TranscriberUnavailableError(
            "Only clips of up to {minutes} minutes are written down: try with a shorter one.",
            minutes=MAX_SECONDS // 60,
        )


def _words(text: str) -> str:
    words = " ".join(text.split())
    if not words:
        raise _nothing_understood()
    return words


def _nothing_understood() -> NothingUnderstoodError:
    return NothingUnderstoodError("No words could be made out: speak louder or closer and try again.")


def _not_installed(package: str) -> TranscriberUnavailableError:
    return TranscriberUnavailableError(
        "This transcriber is not installed: run `pip install {package}`, or choose another one.", package=package
    )


def _google_failed(cause: BaseException | None) -> TranscriberUnavailableError:
    """The sentence for what stopped a request to Google."""
    reason = cause.reason if isinstance(cause, URLError) and not isinstance(cause, HTTPError) else cause
    if isinstance(cause, HTTPError):
        cause.close()
        return TranscriberUnavailableError(
            "Google refused to write this clip down (HTTP {status}): try again later.", status=cause.code
        )
    if isinstance(reason, TimeoutError):
        return TranscriberUnavailableError("Google took too long to answer: try again later.")
    return TranscriberUnavailableError("Google can't be reached: check the network connection and try again.")
