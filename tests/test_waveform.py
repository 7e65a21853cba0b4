"""What is played and what draws it."""

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from utils.decoding import SAMPLE_RATE, load_audio
from utils.waveform import PEAKS_PER_SECOND, PeakMeter, write_playable


def in_blocks(samples, cuts):
    return np.split(samples, sorted(min(cut, len(samples)) for cut in cuts))


@given(st.lists(st.integers(0, 40_000), max_size=6), st.integers(0, 2**16))
def test_peaks_dont_depend_on_how_the_samples_come(cuts, seed):
    samples = np.random.default_rng(seed).uniform(-1, 1, 33_333).astype(np.float32)
    whole, pieces = PeakMeter(), PeakMeter()
    whole.add(samples)
    for block in in_blocks(samples, cuts):
        pieces.add(block)
    peaks = whole.finish()
    assert pieces.finish() == peaks
    assert len(peaks) == int(np.ceil(len(samples) / SAMPLE_RATE * PEAKS_PER_SECOND))


def test_a_peak_is_where_the_loud_sample_is():
    samples = np.zeros(SAMPLE_RATE, np.float32)
    samples[5000] = -0.5
    meter = PeakMeter()
    meter.add(samples)
    assert list(meter.finish()) == [0, 0, 0, 128] + [0] * 6


def test_nothing_has_no_peaks():
    assert PeakMeter().finish() == b""


def test_what_is_played_is_what_was_heard(tone):
    file = io.BytesIO()
    seconds, peaks = write_playable(iter(in_blocks(tone, [100, 7000])), file)
    assert (seconds, len(peaks)) == (1.0, PEAKS_PER_SECOND)
    np.testing.assert_allclose(load_audio(file.getvalue()), tone, atol=0.51 / 2**15)
    assert soundfile.info(io.BytesIO(file.getvalue())).subtype == "PCM_16"


def test_what_had_16_bits_stays_as_it_was():
    samples = np.arange(-(2**15), 2**15, dtype=np.float32) / 2**15
    file = io.BytesIO()
    write_playable([samples], file)
    np.testing.assert_array_equal(load_audio(file.getvalue()), samples)


def test_too_loud_is_clipped():
    file = io.BytesIO()
    write_playable([np.array([2, -2], np.float32)], file)
    np.testing.assert_allclose(load_audio(file.getvalue()), [1, -1], atol=1e-4)


def test_a_full_disk_is_an_oserror(tone):
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_playable([tone], Full())
