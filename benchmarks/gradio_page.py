"""What benchmarks/page.py compares the page with: the same model behind a microphone and a label of Gradio's.

GRADIO_PYTHON benchmarks/gradio_page.py --models models/

Gradio is no requirement of this project: this runs where it is installed, and prints the page's address.
"""

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"

import gradio

from utils.predictor import Predictor


def main() -> None:
    """Serves until it is told to stop."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", type=Path, required=True, help="the bundle")
    predictor = Predictor.load(parser.parse_args().models)
    predictor.warm_up()

    def hear(path: str | None) -> dict[str, float]:
        return predictor.predict(path).probabilities if path else {}

    page = gradio.Interface(
        hear,
        gradio.Audio(sources=["microphone"], type="filepath"),
        gradio.Label(),
        live=True,  # a recording is heard when it ends, as on our page, with no button to press for it
        flagging_mode="never",
        title="How do you sound?",
    )
    _, address, _ = page.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)
    print(f"Listening on {address.rstrip('/')}", flush=True)
    page.block_thread()


if __name__ == "__main__":
    main()
