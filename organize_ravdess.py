"""Places RAVDESS, speech and song, into data/<emotion>/."""

import sys

from organize import organize
from utils.corpora import RAVDESS, RAVDESS_SONG

if __name__ == "__main__":
    sys.exit(organize(RAVDESS, song=RAVDESS_SONG))
