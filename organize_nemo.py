"""Places nEMO (Polish) into data/<emotion>/."""

import sys

from organize import organize
from utils.corpora import NEMO

if __name__ == "__main__":
    sys.exit(organize(NEMO))
