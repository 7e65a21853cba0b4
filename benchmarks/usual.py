"""The way student projects do it, to be measured beside ours: librosa's features, Keras' predict, Flask's own server.

python benchmarks/usual.py MODELS PORT    serves POST /predict with Flask's development server
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from numpy.typing import NDArray

from utils.decoding import SAMPLE_RATE
from utils.model_bundle import KERAS, SCALER, load_bundle, verify_files


def usual_way(models: Path) -> Callable[[Path], NDArray[np.float32]]:
    """Each librosa feature by its own call with its own transform, then the scaler and Keras `model.predict`.

    Its features are repeated or cut to as many as the network hears; the answer means nothing, the time does.

    Raises:
        ImportError: what training needs isn't installed.
        FileNotFoundError: there is no trained network in `models`.
    """
    import joblib
    import keras
    import librosa

    from utils.training import predict

    for name in (KERAS, SCALER):
        if not (models / name).is_file():
            raise FileNotFoundError(f"{models / name} is not there")
    verify_files(models)  # the scaler is a pickle: it must be the one that was sealed
    settings = load_bundle(models).settings
    scaler, network = joblib.load(models / SCALER), keras.saving.load_model(models / KERAS)
    feature, hop = librosa.feature, {"hop_length": 276}

    def hear(path: Path) -> NDArray[np.float32]:
        y, sr = librosa.load(path, sr=SAMPLE_RATE, duration=3)
        y = librosa.util.fix_length(y, size=3 * SAMPLE_RATE)
        rows = [
            feature.mfcc(y=y, sr=sr, n_mfcc=40, **hop),
            feature.chroma_stft(y=y, sr=sr, **hop),
            feature.melspectrogram(y=y, sr=sr, n_mels=48, **hop),
            feature.spectral_contrast(y=y, sr=sr, **hop),
            feature.spectral_centroid(y=y, sr=sr, **hop),
            feature.spectral_bandwidth(y=y, sr=sr, **hop),
            feature.spectral_rolloff(y=y, sr=sr, **hop),
            feature.zero_crossing_rate(y, **hop),
            feature.rms(y=y, **hop),
        ]
        features = np.resize(np.concatenate(rows).T, (1, *settings.shape))
        return predict(network, features, settings, scaler)["probabilities"]

    return hear


def serve(models: Path, port: int) -> None:
    """Serve until killed; says so once the first clip can be heard."""
    from flask import Flask, request

    hear = usual_way(models)
    app = Flask("usual")

    @app.post("/predict")
    def predict() -> dict[str, object]:
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            request.files["audio"].save(file.name)
            probabilities = hear(Path(file.name))[0]
        return {"emotion": int(probabilities.argmax()), "confidence": float(probabilities.max())}

    from benchmarks.voices import speak
    from utils.decoding import encode_wav

    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        file.write(encode_wav(speak(3)))
        file.flush()
        hear(Path(file.name))  # warm, as ours is
    print(f"Listening on http://127.0.0.1:{port}", flush=True)
    app.run(port=port)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))
