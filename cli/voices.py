"""Voices in the terminal: `app.py teach NAME` keeps one, `--profile NAME` hears with it, `--who` says which speaks."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.live import Live

from cli.audio_device import AudioDevice
from cli.screen import meter, printable
from utils.decoding import Samples
from utils.emotions import SAMPLE_SENTENCES
from utils.errors import AudioNotFoundError, ProfileNotFoundError, VoiceError, VoiceProfileError
from utils.language import Language
from utils.prediction import Prediction
from utils.predictor import Predictor
from utils.profile_store import ProfileStore, StoredProfile
from utils.voice_profile import VoiceProfile

VISITOR = "terminal"
"""Whose voices these are in the store that the web door uses too."""
SENTENCES = SAMPLE_SENTENCES[:5]
SECONDS = 5.0  # to read one
MOST_BYTES = 200_000  # of a profile's file

Predict = Callable[[str | Samples], Prediction]


def load_with_voices(models: Path, instance: Path, name: str | None, *, who: bool) -> Predict:
    """`predict` of the bundle in `models`, as it knows people.

    Args:
        models: the bundle's folder.
        instance: the history's.
        name: of the voice to hear with: one that was taught here, or a file that was downloaded.
        who: whether answers say which of the voices that were taught here speaks.

    Raises:
        BundleError: the bundle is missing, incomplete or damaged.
        VoiceProfileError: a profile was changed, or the model knows no voices or doesn't tell them apart.
        ProfileNotFoundError: there is neither a voice nor a file of that name, or nobody to tell apart.
        StoreError: the history can't be read.
    """
    predictor = _knowing(models)
    voice = predictor.read_profile(_content(instance, name)) if name else None
    among = _taught(predictor, instance) if who else None
    shown = Path(name).stem if name and name.endswith(".json") else name
    return lambda audio: replace(predictor.predict(audio, voice, among), voice=shown)


def profile_json(models: Path, instance: Path, name: str) -> str:
    """The JSON of a voice that was taught here, or is in a file that was downloaded; raises as `load_with_voices`."""
    return _knowing(models).read_profile(_content(instance, name)).to_json()


def run(argv: Sequence[str], device: AudioDevice | None = None, words: Language | None = None) -> int:
    """`app.py teach`: keeps a voice, from sound files or from sentences read aloud now; the exit code."""
    words = words or Language()
    options = _parser(words).parse_args(argv)
    console = Console(highlight=False, markup=False, emoji=False)
    try:
        if options.forget:
            with closing(ProfileStore(options.instance)) as store:
                store.delete(VISITOR, _find(store, options.name).id)
            console.print(words.say("“{name}” is deleted.", name=printable(options.name)))
            return 0
        predictor = _knowing(options.models)
        sounds = options.paths or list(_read_aloud(console, device or AudioDevice(), words))
        for path in options.paths:
            if not Path(path).is_file():
                raise AudioNotFoundError("There is no sound file {name}: name one that is there.", name=printable(path))
        profile = predictor.learn_voice(sounds, "ordinary")
        with closing(ProfileStore(options.instance)) as store:
            kept = store.add(VISITOR, options.name, profile)
    except VoiceError as error:
        print(words.error(error), file=sys.stderr)
        return 1
    except (KeyboardInterrupt, EOFError):
        print(words.say("Nothing was kept."), file=sys.stderr)
        return 130
    learnt = words.say_many(
        "“{name}” is learnt from {count} sentence: `app.py --profile` hears with it.",
        "“{name}” is learnt from {count} sentences: `app.py --profile` hears with it.",
        kept.clips,
        name=kept.name,
    )
    console.print(learnt)
    return 0


def _parser(words: Language) -> argparse.ArgumentParser:
    here, say = Path(__file__).resolve().parents[1], words.say
    parser = argparse.ArgumentParser(
        prog="app.py teach", description=say("Learns a voice: numbers are kept, no sound."), allow_abbrev=False
    )
    parser.add_argument("name", metavar="NAME", help=say("what the voice is called"))
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help=say("sound files of it in an ordinary mood; none: read five sentences aloud"),
    )
    parser.add_argument("--forget", action="store_true", help=say("delete the voice instead"))
    parser.add_argument("--models", type=Path, default=here / "models", help=say("the model's folder"))
    parser.add_argument("--instance", type=Path, default=here / "instance", help=say("the history's folder"))
    parser.add_argument(
        "--language",
        metavar="TAG",
        help=say("what the program speaks, and what is spoken to it: de, pl-PL, ... (default: the system's language)"),
    )
    return parser


def _knowing(models: Path) -> Predictor:
    predictor = Predictor.load(models)
    if not predictor.knows_voices:
        raise VoiceProfileError("This model answers every voice alike: it can't be taught one.")
    return predictor


def _taught(predictor: Predictor, instance: Path) -> dict[str, VoiceProfile]:
    """Every voice that was taught here, by its name."""
    if not predictor.tells_voices:
        raise VoiceProfileError("This model doesn't tell voices apart: leave --who out.")
    with closing(ProfileStore(instance)) as store:
        found = store.contents(VISITOR).values()
    if not found:
        raise ProfileNotFoundError("No voice was taught yet: teach one with `app.py teach NAME`.")
    return {name: predictor.read_profile(content) for name, content in found}


def _content(instance: Path, name: str) -> str | bytes:
    if name.endswith(".json") and Path(name).is_file():
        with open(name, "rb") as file:
            return file.read(MOST_BYTES)
    with closing(ProfileStore(instance)) as store:
        return store.content(VISITOR, _find(store, name).id)


def _find(store: ProfileStore, name: str) -> StoredProfile:
    found = store.voices(VISITOR)
    for voice in found:
        if voice.name == name:
            return voice
    known = ", ".join(voice.name for voice in found)
    if known:
        raise ProfileNotFoundError(
            "No voice is called {name}: choose one of {known}.", name=printable(name), known=known
        )
    raise ProfileNotFoundError("No voice is called {name}: teach it with `app.py teach {name}`.", name=printable(name))


def _read_aloud(console: Console, device: AudioDevice, words: Language) -> Iterator[Samples]:
    console.print(words.say("Read five sentences as you usually speak; each is recorded for five seconds."))
    for number, sentence in enumerate(SENTENCES, 1):
        gaps = {"number": number, "all": len(SENTENCES), "sentence": words.say(sentence)}
        console.print("\n" + words.say("{number} of {all}: “{sentence}”", **gaps))
        input(words.say("Press Enter and read.") + " ")
        with Live(console=console, transient=True, refresh_per_second=20) as live:
            yield device.record(SECONDS, lambda level, left, live=live: live.update(meter(level, left, words)))
