"""How a command ends that a signal has stopped."""

import signal

INTERRUPTED = 128 + signal.SIGINT
"""Exit status after Ctrl-C, as shells count it."""
TERMINATED = 128 + signal.SIGTERM
"""Exit status after SIGTERM."""
_WINDOWS = (
    "Windows is not supported: runs are interrupted and told to stop by signals that it does not have. "
    "Use the Windows Subsystem for Linux (wsl --install)."
)
