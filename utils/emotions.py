"""Emotions: label sets in model order, how each looks, and the corpora's codes. No imports."""

DEFAULT_LABELS = ("neutral", "happy", "sad", "angry", "fear", "surprise")
"""Labels of the default system, in the order of the network's outputs."""

ALL_EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fear", "disgust", "surprise")
"""Every emotion a corpus here is labelled with; data/ has one folder for each."""

MERGED = {"calm": "neutral"}
"""What an emotion counts as where a label set lacks it. Disgust counts as nothing and is left out."""

EMOJI = {
    "neutral": "😐",
    "calm": "😌",
    "happy": "😊",
    "sad": "😢",
    "angry": "😠",
    "fear": "😨",
    "disgust": "🤢",
    "surprise": "😲",
}

PLAIN = ("neutral", "calm")
"""Emotions that nobody expresses strongly."""

CERTAINTY = ((0.85, "very sure"), (0.65, "fairly sure"), (0.45, "leaning that way"), (0.0, "only a guess"))
"""Least probability -> how sure that is in words, falling."""

STRENGTH = ((0.75, "strongly"), (0.25, ""), (0.0, "mildly"))
"""Least probability that an emotion was expressed strongly -> how it was expressed; nothing where that isn't clear.

Of speakers who were held out, these words are right in more than 80 % (docs/model-search.md); templates/_clip.html
says the same.
"""

SAMPLE_SENTENCES = (
    "The kettle is on, so come and sit with me for a while.",
    "I can't believe you drove all this way just to see us!",
    "Somebody left the door open again last night.",
    "We waited at the station until the last train had gone.",
    "Tell me exactly what they said when you walked in.",
    "There is a letter for you on the kitchen table.",
)
"""Sentences to read aloud that fit any emotion, for people who don't know what to say."""


def strength(intensity: float | None) -> str:
    """How an emotion was expressed, as in `STRENGTH`; nothing where `intensity` is None."""
    return "" if intensity is None else next(word for least, word in STRENGTH if intensity >= least)


def label_for(emotion: str, labels: tuple[str, ...]) -> str | None:
    """The label in `labels` that `emotion` counts as, or None where it is left out."""
    if emotion in labels:
        return emotion
    merged = MERGED.get(emotion)
    return merged if merged in labels else None
