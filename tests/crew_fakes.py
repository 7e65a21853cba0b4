"""Stand-ins for `judge`, to be called in other processes."""

import os
import signal
import time


def named(task, file):
    """Answers by what a file is called: `deadly` ends the process, `slow` takes its time."""
    if "deadly" in file:
        os.kill(os.getpid(), signal.SIGKILL)
    if "slow" in file:
        time.sleep(0.1)
    return {"file": file, "process": os.getpid()}


def ready(task):
    """Needs nothing."""


def broken(task):
    """A machine without memory."""
    os.kill(os.getpid(), signal.SIGKILL)
