"""Asks pip-audit whether what `requirements-serve.lock` names is known to be vulnerable.

Ends with 1 when something is; where the service can't be reached, with 0 and a sentence: no network is no mistake.
"""

import json
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).parents[1] / "requirements-serve.lock"
SECONDS = 60


def verdict(report: str) -> tuple[int, str]:
    """Exit code and sentence for what pip-audit wrote; anything but its JSON is no answer."""
    try:
        found = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return 0, "No audit: the service that knows vulnerabilities could not be reached."
    bad = [f"{d['name']} {d['version']}: {v['id']}" for d in found for v in d.get("vulns", [])]
    unknown = sum("skip_reason" in d for d in found)
    if bad:
        return 1, "\n".join(["Known to be vulnerable, raise the bound and run make lock:", *bad])
    if unknown == len(found):
        return 0, "No audit: the service that knows vulnerabilities knows none of the packages."
    return (
        0,
        f"Audited {len(found) - unknown} packages, none is known to be vulnerable; {unknown} are unknown there.",
    )


def main() -> int:
    """Audit the lock file."""
    options = ["--require-hashes", "--disable-pip", "--progress-spinner", "off", "--timeout", "5", "-f", "json"]
    command = [sys.executable, "-m", "pip_audit", "-r", str(LOCK), *options]
    try:
        report = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS).stdout  # noqa: S603 (ours)
    except subprocess.TimeoutExpired:
        report = ""
    code, sentence = verdict(report)
    print(sentence)
    return code


if __name__ == "__main__":
    sys.exit(main())
