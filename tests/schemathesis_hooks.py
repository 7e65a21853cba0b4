"""What schemathesis sends where the description asks for sound: a voice, and things that are none."""

import schemathesis
from hypothesis import strategies as st

from tests.hostile import clips, tone
from utils.decoding import encode_wav

schemathesis.openapi.media_type(
    "audio/*", st.sampled_from([encode_wav(tone(1.0)), *clips().values(), b"", b"no sound"])
)
