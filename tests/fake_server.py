"""The real server with a fake model and transcriber; takes web_app.py's options."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import web_app
from tests.fakes import FakePredictor, FakeTranscriber

web_app._load_predictor = lambda models: (FakePredictor(), None)
web_app.make_transcriber = lambda name: FakeTranscriber()

if __name__ == "__main__":
    sys.exit(web_app.main())
