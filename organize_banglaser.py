"""Places BanglaSER (Bengali) into data/<emotion>/."""

import sys

from organize import organize
from utils.corpora import BANGLASER

if __name__ == "__main__":
    sys.exit(organize(BANGLASER))
