"""How a command ends that a signal has stopped."""

import signal

INTERRUPTED = 128 + signal.SIGINT
"""Exit status after Ctrl-C, as shells count it."""
TERMINATED = 128 + signal.SIGTERM
"""Exit status after SIGTERM."""
