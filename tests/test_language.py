"""Which language somebody gets, and figures and dates in it."""

from datetime import datetime, timezone

import pytest

from utils.errors import TooShortError, VoiceError
from utils.language import LANGUAGES, Language, choose
from utils.transcription import LANGUAGES as SPOKEN
from utils.transcription import fitting_language


@pytest.mark.parametrize(
    ("wanted", "tag"),
    [
        (["de"], "de"),
        (["de-AT", "en"], "de-AT"),
        (["PL_pl.UTF-8"], "pl-PL"),
        (["fr_CA@euro"], "fr"),
        (["ja", "bn-IN"], "bn-IN"),
        (["zh-Hant-TW", "es-419", "de"], "es"),
        (["de-Latn-CH-1996"], "de-CH"),
        ([], "en"),
        ([None, "", "C", "POSIX", "C.UTF-8"], "en"),
        (["deutsch"], "en"),
        (["*"], "en"),
        (["de-", "-de", "--", "../../de", "de\r\nX: y"], "de"),
    ],
)
def test_the_first_that_we_speak_is_chosen(wanted, tag):
    assert choose(wanted) == tag
    Language(tag)


@pytest.mark.parametrize("tag", ["de-ZZ", "en-XX", "bn-US", "pl-QQ"])
def test_a_region_that_nobody_knows_is_no_matter(tag):
    assert Language(tag).percent(0.5) == Language(tag[:2]).percent(0.5)


@pytest.mark.parametrize(
    ("tag", "percent", "number", "seconds"),
    [
        ("en", "72%", "1,234.5", "7.0 s"),
        ("de", "72\u00a0%", "1.234,5", "7,0 s"),
        ("de-CH", "72%", "1’234.5", "7.0 s"),
        ("fr", "72\u00a0%", "1\u202f234,5", "7,0 s"),
        ("pl", "72%", "1234,5", "7,0 s"),
        ("bn", "৭২%", "১,২৩৪.৫", "৭.০ সে."),
    ],
)
def test_figures_are_those_of_the_language(tag, percent, number, seconds):
    language = Language(tag)
    assert language.percent(0.72) == percent
    said = language.number(1234.5, 1).replace("'", "’")  # Swiss: versions of Babel differ
    assert said.replace("\u00a0", "").replace("\u202f", "") == number.replace("\u202f", "")
    assert language.say("{seconds} s", seconds=language.number(7, 1)) == seconds


def test_dates_are_those_of_the_language_and_region():
    moment = datetime(2026, 11, 3, 14, 5, tzinfo=timezone.utc)
    said = {tag: Language(tag).when(moment) for tag in ("en-GB", "de", "fr", "bn")}
    assert said["en-GB"] == "3 Nov 2026, 14:05"
    assert said["de"] == "03.11.2026, 14:05"
    assert said["fr"].startswith("3 nov. 2026")
    assert "২০২৬" in said["bn"]


def test_languages_have_names_in_every_language():
    assert Language("fr").language("en-US") == "anglais (États-Unis)"
    assert Language("de").language("no such tag") == "no such tag"
    assert all(Language(code).language(tag) for code in LANGUAGES for tag in SPOKEN)


def test_an_error_is_said_in_each_language_and_english_by_itself():
    error = VoiceError("{file} may not be read: change its permissions.", file="a.wav")
    assert str(error) == "a.wav may not be read: change its permissions."
    assert Language("de").error(error) == "a.wav darf nicht gelesen werden: Ändere die Zugriffsrechte."
    assert (
        Language("bn")
        .error(VoiceError("This is longer than {minutes} minutes: cut it into shorter pieces.", minutes=30))
        .startswith("এটি ৩০")
    )


def test_what_a_person_hands_over_is_never_a_pattern():
    """Names with braces stand in gaps, or in sentences without any."""
    error = VoiceError("{file} is not a file: name a sound file.", file="{0.__class__}{x}")
    assert "{0.__class__}{x}" in str(error)
    assert "{0.__class__}{x}" in Language("pl").error(error)
    assert Language("de").error(VoiceError("made {elsewhere}")) == "made {elsewhere}"


def test_errors_outlive_the_way_between_processes():
    import pickle

    error = pickle.loads(pickle.dumps(TooShortError("{file} is not a file: name a sound file.", file="{a}")))
    assert (type(error), str(error)) == (TooShortError, "{a} is not a file: name a sound file.")
    assert Language("es").error(error) == "{a} no es un archivo: indica un archivo de audio."


@pytest.mark.parametrize(
    ("known", "wanted", "tag"),
    [
        (SPOKEN, "de", "de-DE"),
        (SPOKEN, "de-AT", "de-DE"),
        (SPOKEN, "bn-IN", "bn-IN"),
        (SPOKEN, "bn", "bn-BD"),
        (SPOKEN, "en", "en-US"),
        (SPOKEN, "en-GB", "en-GB"),
        (SPOKEN, "xx", "en-US"),
        (("en-US",), "pl", "en-US"),
        (("pl-PL",), "de", "pl-PL"),
        ((), "de-AT", "de-AT"),
        ((), "en", "en-US"),
    ],
)
def test_what_is_spoken_follows_what_is_read(known, wanted, tag):
    assert fitting_language(known, wanted) == tag
