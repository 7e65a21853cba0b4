"""The core: audio in, emotion out. Knows no web and no terminal."""

import os

# Clips are judged side by side, each with small matrices: OpenBLAS's own threads would only wait for each other, at
# three times the processor time. It reads this when NumPy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
