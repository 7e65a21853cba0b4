"""One engine for every door: audio in, `Prediction` out."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.audio_preprocessing import CLIP_SECONDS, MIN_VOICED_SECONDS, find_voice, fit_clip
from utils.decoding import MAX_TIMELINE_SECONDS, SAMPLE_RATE, Samples, claimed_seconds, load_audio, stream_audio
from utils.encoder import encoder, open_network
from utils.errors import (
    AudioError,
    AudioTooLargeError,
    BundleError,
    VoiceProfileError,
)
from utils.features import FeatureSettings, extract_features
from utils.model_bundle import Bundle, load_bundle
from utils.prediction import Examined, Heard, Prediction, Status
from utils.speakers import Speakers, Who
from utils.summary import profile_size, summarize, summary_size
from utils.timeline import Segment, smooth
from utils.voice_profile import FLAGS, Kind, VoiceProfile
from utils.windows import BLOCK_SECONDS, LONGEST_HOP, SHORTEST_HOP, Stretch, Window, answered, listen, stretches

Progress = Callable[[float, float | None], None]
"""Called with the seconds of a recording that are done, and those it has in all where that is known."""

_TOGETHER = 32  # clips for the network at once: more are no faster


class Predictor:
    """A loaded bundle. Safe to use from several threads at once.

    Attributes:
        name: the system's name.
        version: changes with every training.
        model: both, as clips are signed with.
        labels: the emotions it knows, in model order.
        uncertain_below: the confidence under which it calls an answer uncertain.
        settings: of the features that it hears.
        knows_voices: whether it hears better with a voice profile; if not, it takes none.
        speakers: what tells voices apart, None where it can't.
        tells_voices: whether it says which of some profiles a clip is of.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._session = open_network(bundle.onnx)
        if bundle.settings.encoded:
            encoder()  # now, and not with the first clip, it is told that it is missing
        inputs = {tensor.name: tuple(tensor.shape[1:]) for tensor in self._session.get_inputs()}
        self._inputs = [name for name in ("raw_features", "raw_summary", "raw_voice") if name in inputs]
        self._outputs = [tensor.name for tensor in self._session.get_outputs()]
        if inputs.get("raw_features", bundle.settings.shape) != bundle.settings.shape or (
            not self._inputs
            or not {"probabilities", "embedding"} <= set(self._outputs)
            or bundle.settings.sample_rate != SAMPLE_RATE
        ):
            raise BundleError(
                "The trained model and its settings don't fit together: make it again with python train.py."
            )
        self.settings = bundle.settings
        self.name = bundle.system
        self.version = bundle.version
        self.model = f"{bundle.system} {bundle.version}"
        self.labels = bundle.labels
        self.uncertain_below = bundle.uncertain_below
        self.knows_voices = "raw_voice" in self._inputs
        self._speech_above = bundle.speech_above
        self.speakers = Speakers.from_bytes(bundle.speakers) if bundle.speakers and self.knows_voices else None
        self.tells_voices = self.speakers is not None

    @classmethod
    def load(cls, folder: str | Path) -> "Predictor":
        """The predictor of a bundle folder.

        Raises:
            BundleError: the bundle is missing, damaged or changed.
        """
        return cls(load_bundle(Path(folder)))

    def warm_up(self) -> None:
        """Does once what the first answer would have to wait for."""
        clip = np.zeros(CLIP_SECONDS * SAMPLE_RATE, dtype=np.float32)
        find_voice(clip)
        self.hear(extract_features(clip, self.settings)[None])

    def predict(
        self,
        audio: str | Path | bytes | Samples,
        voice: VoiceProfile | None = None,
        among: Mapping[str, VoiceProfile] | None = None,
    ) -> Prediction:
        """Hears one recording.

        Args:
            audio: a file's name or content, or samples as `load_audio` gives them (float32, mono, 16 kHz, 1-D).
            voice: what is usual for the voice that speaks, where that is known.
            among: voices by their names; the answer says which of them it is, where the model tells voices apart.

        Raises:
            AudioError: it can't be read as sound. Silence is no error but a status.
            VoiceProfileError: the profile is of another kind of model.
        """
        return self.examine(audio, voice, among).prediction

    def examine(
        self,
        audio: str | Path | bytes | Samples,
        voice: VoiceProfile | None = None,
        among: Mapping[str, VoiceProfile] | None = None,
    ) -> Examined:
        """As `predict`, with what the answer goes by, for those who learn from it."""
        samples = audio if isinstance(audio, np.ndarray) else load_audio(audio)
        found = find_voice(samples)
        clip, start = fit_clip(samples, found)
        begin = max(start, 0) / SAMPLE_RATE
        heard = (begin, min(begin + CLIP_SECONDS, len(samples) / SAMPLE_RATE))
        if found.seconds < MIN_VOICED_SECONDS:
            status: Status = "too_short" if found.seconds >= MIN_VOICED_SECONDS / 3 else "no_speech"
            return Examined(Prediction(status, None, 0.0, {}, found.seconds, heard, self.model))
        features = extract_features(clip, self.settings)
        answer = self.hear(features[None], voice)
        if answer.speech[0] < self._speech_above:
            return Examined(Prediction("no_speech", None, 0.0, {}, 0.0, heard, self.model), features, answer)
        probabilities = answer.probabilities[0]
        best = int(probabilities.argmax())
        confidence = float(probabilities[best])
        prediction = Prediction(
            status="ok" if confidence >= self.uncertain_below else "uncertain",
            emotion=self.labels[best],
            confidence=confidence,
            probabilities={label: float(p) for label, p in zip(self.labels, probabilities, strict=True)},
            voiced_seconds=found.seconds,
            heard=heard,
            model=self.model,
            who=self._who(answer, among or {}),
            intensity=answer.strength(self.labels[best]),
        )
        return Examined(prediction, features, answer)

    def _who(self, answer: Heard, among: Mapping[str, VoiceProfile]) -> Who | None:
        """Which of some voices spoke in the first clip of an answer."""
        if self.speakers is None or answer.summaries is None:
            return None
        return self.speakers.who(answer.summaries[0], among)

    def summary(self, audio: str | Path | bytes | Samples) -> NDArray[np.float32]:
        """What one recording tells about the voice in it, for `VoiceProfile.of`; float32 (`profile_size`,).

        Raises:
            AudioError: it can't be read as sound, or holds no or too little speech.
        """
        samples = audio if isinstance(audio, np.ndarray) else load_audio(audio)
        examined = self.examine(samples)
        examined.prediction.require_speech()
        assert examined.features is not None  # noqa: S101 - there was speech to judge
        summary = summarize(examined.features[None])[0]
        if not self.settings.encoded:
            return summary
        clip, _ = fit_clip(samples, find_voice(samples))
        return np.concatenate([extract_features(clip, FeatureSettings()).mean(axis=0), summary])

    def features(self, samples: Samples) -> NDArray[Any]:
        """Of the 3 s that `predict` judges, for `hear`: as `extract_features` gives them."""
        clip, _ = fit_clip(samples, find_voice(samples))
        return extract_features(clip, self.settings)

    def learn_voice(self, recordings: Iterable[str | Path | bytes | Samples], kind: Kind) -> VoiceProfile:
        """The profile of the one voice that speaks in all of `recordings`; those without speech don't count.

        Raises:
            VoiceProfileError: there is no speech in any of them.
        """
        summaries = []
        for recording in recordings:
            with suppress(AudioError):
                summaries.append(self.summary(recording))
        return VoiceProfile.of(summaries, kind)

    def read_profile(self, text: str | bytes) -> VoiceProfile:
        """A profile from its JSON.

        Raises:
            VoiceProfileError: it was changed, or is of another kind of model.
        """
        return VoiceProfile.from_json(text, profile_size(self.settings))

    def timeline(
        self,
        audio: str | Path | bytes | Samples,
        hop: float = 1.0,
        *,
        progress: Progress | None = None,
        voice: VoiceProfile | None = None,
    ) -> Generator[Segment, None, None]:
        """Hears a long recording piece by piece, streamed: however long it is, it takes the same memory.

        Each segment is `hop` seconds long (the last may be shorter) and answered by the at most 2.8 s around its
        middle that lie between two pauses, as `predict` would on those cut out, smoothed over its neighbours
        (`utils.timeline.smooth`). A recording of at most 3 s is answered as a whole.

        Args:
            audio: as for `predict`, up to `MAX_TIMELINE_SECONDS`.
            hop: seconds from one segment to the next, 0.1 to 60.
            progress: called now and then from the thread that asks for segments; what it raises ends the work, as
                closing the iterator does.
            voice: what is usual for the one voice that speaks, where that is known.

        Yields:
            Segments in order, without gaps, from 0 to the end of the recording.

        Raises:
            ValueError: there is no such hop.
            AudioError: it can't be read as sound; before the first segment, unless it breaks down later or turns out
                to be too long. Silence is no error but a status.
        """
        heard = self.windows(audio, hop, progress=progress, voice=voice)
        return smooth(heard, hop, self.labels, self.uncertain_below)

    def windows(
        self,
        audio: str | Path | bytes | Samples,
        hop: float = 1.0,
        *,
        progress: Progress | None = None,
        voice: VoiceProfile | None = None,
    ) -> Generator[Window, None, None]:
        """As `timeline`, before smoothing: the very numbers that `predict` gives for each window cut out."""
        if not SHORTEST_HOP <= hop <= LONGEST_HOP:
            raise ValueError(f"a hop of {hop} s is not between {SHORTEST_HOP} and {LONGEST_HOP}")
        return self._windows(audio, hop, progress, voice)

    def _windows(
        self, audio: str | Path | bytes | Samples, hop: float, progress: Progress | None, voice: VoiceProfile | None
    ) -> Generator[Window, None, None]:
        if isinstance(audio, np.ndarray):
            whole: float | None = len(audio) / SAMPLE_RATE
            blocks = _cut(audio)
        else:
            whole = claimed_seconds(audio) if progress else None
            blocks = stream_audio(audio, BLOCK_SECONDS)
        hear = partial(self._hear, voice=voice)
        with closing(blocks), closing(_side_by_side(hear, stretches(blocks, hop))) as found:
            for several in found:
                yield from several
                if progress:
                    progress(several[-1].end, whole)

    def _hear(self, stretch: Stretch, voice: VoiceProfile | None) -> list[Window]:
        windows, features = listen(stretch, self.settings)
        answers = [self.hear(features[i : i + _TOGETHER], voice) for i in range(0, len(features), _TOGETHER)]
        if not answers:
            return windows
        speech = np.concatenate([answer.speech for answer in answers]) >= self._speech_above
        return answered(windows, np.concatenate([answer.probabilities for answer in answers]), speech)

    def hear(self, features: NDArray[Any], voice: VoiceProfile | None = None) -> Heard:
        """What the network says to many clips of one voice at once.

        Args:
            features: of the clips, stacked, from `extract_features`.
            voice: what is usual for the voice, where that is known; without `knows_voices` it changes nothing. It may
                lack what only explanations go by.

        Raises:
            VoiceProfileError: the profile is of another kind of model.
        """
        feed: dict[str, NDArray[np.float32]] = {}
        if "raw_features" in self._inputs:
            feed["raw_features"] = np.ascontiguousarray(features, dtype=np.float32)
        summaries = summarize(features) if self.speakers or "raw_summary" in self._inputs else None
        if summaries is not None and "raw_summary" in self._inputs:
            feed["raw_summary"] = summaries
        if self.knows_voices:
            size = summary_size(self.settings)
            if voice and len(voice.mean) not in {size, profile_size(self.settings)}:
                raise VoiceProfileError("This voice profile belongs to another model: teach the voice again.")
            vector = voice.vector(size) if voice else np.zeros(size + FLAGS, dtype=np.float32)
            feed["raw_voice"] = np.broadcast_to(vector, (len(features), len(vector)))
        tensors: list[NDArray[np.float32]] = self._session.run(self._outputs, feed)
        outputs = dict(zip(self._outputs, tensors, strict=True))
        speech = outputs["speech"][:, 0] if "speech" in outputs else np.ones(len(features), dtype=np.float32)
        intensity = outputs["intensity"][:, 0] if "intensity" in outputs else None
        return Heard(outputs["probabilities"], speech, outputs["embedding"], summaries, intensity)


def _cut(samples: Samples) -> Generator[Samples, None, None]:
    """Samples as a stream of blocks.

    Raises:
        AudioTooLargeError: there are more than `MAX_TIMELINE_SECONDS` of them.
    """
    if len(samples) > MAX_TIMELINE_SECONDS * SAMPLE_RATE:
        raise AudioTooLargeError(
            "This is longer than {minutes} minutes: cut it into shorter pieces.", minutes=MAX_TIMELINE_SECONDS // 60
        )
    size = round(BLOCK_SECONDS * SAMPLE_RATE)
    for first in range(0, len(samples), size):
        yield samples[first : first + size]


def _side_by_side(
    hear: Callable[[Stretch], list[Window]], stretches: Iterable[Stretch]
) -> Generator[list[Window], None, None]:
    """What `hear` says of each stretch, in order, two at a time: NumPy and ONNX Runtime let other threads work."""
    pool = ThreadPoolExecutor(2, thread_name_prefix="timeline")
    waiting: deque[Future[list[Window]]] = deque()
    try:
        for stretch in stretches:
            waiting.append(pool.submit(hear, stretch))
            if len(waiting) > 2:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
