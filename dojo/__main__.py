"""Where `kata` starts: interrupted while it still loads, it ends without a word."""

import signal
import sys

signal.signal(signal.SIGINT, signal.SIG_DFL)

from dojo.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
