"""Places CREMA-D into data/<emotion>/."""

import sys

from organize import organize
from utils.corpora import CREMA_D

if __name__ == "__main__":
    sys.exit(organize(CREMA_D))
