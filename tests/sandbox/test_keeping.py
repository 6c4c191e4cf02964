"""What a module keeps from one schedule to the next."""

from __future__ import annotations

import subprocess
import sys

from graders.sandbox.host import HOME


def test_it_is_read_whenever_garbage_is_collected() -> None:
    # the collector may run between any two steps from Python 3.12 on
    code = "import gc; gc.set_threshold(1); import keeping"
    done = subprocess.run([sys.executable, "-c", code], cwd=HOME, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
