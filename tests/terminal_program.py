"""app.py as a program of its own, with stand-ins for model, microphone and transcriber."""

import sys

import app
from tests.terminal_fakes import FakeDevice, FakePredict, FakeTranscriber

if __name__ == "__main__":
    predict = FakePredict()
    sys.exit(app.main(load=lambda folder: predict, device=FakeDevice(), transcriber=FakeTranscriber()))
