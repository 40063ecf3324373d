"""Works of the tests of executors on Ray: functions of a module that workers import."""

import json
import os
import signal
import time
from pathlib import Path


def work(content: str) -> str:
    """Do what the content says."""
    asked = json.loads(content)
    match asked["do"]:
        case "answer":
            return json.dumps(
                {
                    "answer": asked.get("value"),
                    "environment": {name: os.environ.get(name) for name in asked.get("names", ())},
                }
            )
        case "raise":
            raise ValueError("no such thing")
        case "memory":
            raise MemoryError("too large")
        case "device memory":
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 1 byte")
        case "exit":
            raise SystemExit(3)
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "sleep":
            Path(asked["file"]).write_text(str(os.getpid()))
            time.sleep(asked["seconds"])
        case "deaf":
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
            time.sleep(600)
        case "checkpoint":
            Path(asked["file"] + ".began").touch()
            try:
                for _ in range(600):  # Ray interrupts between two instructions, not within a call
                    time.sleep(0.1)
            except KeyboardInterrupt:
                time.sleep(0.5)  # as a run that is in the middle of a step
                Path(asked["file"]).write_text("kept")
                if asked["result"]:
                    return json.dumps("finished")
                raise
    return json.dumps(None)


def empty(content: str) -> str:
    """Do nothing."""
    return content
