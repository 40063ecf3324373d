"""Work for executors under test: what a job does is said in its content."""

import gc
import json
import os
import signal
import time
from pathlib import Path

from srhm.interrupts import check_interrupt


def work(content: str) -> str:
    """Do what the job says: {"do": name, "with": argument}."""
    job = json.loads(content)
    return json.dumps(globals()[f"do_{job['do']}"](job.get("with")))


def job(do: str, argument=None) -> str:
    return json.dumps({"do": do, "with": argument})


def do_echo(value):
    return value


def do_fail(words):
    raise RuntimeError(words)


def do_exhaust(_):
    raise MemoryError("no room")


def do_pid(_):
    return os.getpid()


def do_environment(names):
    return {name: os.environ.get(name) for name in names}


def do_device(_):
    """The device on which JAX computes here."""
    import jax.numpy as jnp

    (device,) = jnp.zeros(()).devices()
    return device.id


def do_kill(number):
    os.kill(os.getpid(), number)
    time.sleep(600)


def do_exit(status):
    os._exit(status)


def do_sleep(seconds):
    time.sleep(seconds)
    return "slept"


def do_hang(_):
    """Hear nothing, and go on for ever."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)


def do_save(path):
    """Work for ever; an interrupt writes a checkpoint."""
    try:
        Path(f"{path}.begun").touch()
        time.sleep(600)
    except (KeyboardInterrupt, SystemExit):
        Path(path).write_text("saved")
        raise


def lose_interrupt(number):
    """Have a signal come while Python collects garbage, where an exception is lost."""

    def interrupted(phase, info):
        gc.callbacks.remove(interrupted)
        signal.raise_signal(number)

    gc.callbacks.append(interrupted)
    gc.collect()


def do_lose(path):
    """Be interrupted where the exception is lost; look at the note, as a run does."""
    lose_interrupt(signal.SIGTERM)
    Path(path).write_text("not interrupted yet")
    check_interrupt()
    Path(path).write_text("not interrupted")


def do_once(path):
    """Die at the first try, succeed at the second."""
    if not Path(path).exists():
        Path(path).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "second try"


def do_mask(_):
    """The signals that are blocked here."""
    return [int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, [])]


def execute_fakes(content: str) -> str:
    """Stand in for the training of an ensemble."""
    return json.dumps([execute_fake(job) for job in json.loads(content)])


def execute_on_its_device(content: str) -> str:
    """Train an ensemble, and say on which device: in place of the version of Python of its runs."""
    import jax.numpy as jnp

    from srhm.runner.work import execute_ensemble_job

    (device,) = jnp.zeros(()).devices()
    runs = [json.loads(run) for run in json.loads(execute_ensemble_job(content))]
    for run in runs:
        run["versions"]["python"] = f"device {device.id} of process {os.getpid()}"
    return json.dumps([json.dumps(run) for run in runs])


def execute_fake(content: str) -> str:
    """Stand in for training: what happens to a run is told by its seed of the network."""
    from srhm.runner.work import RunJob, finished
    from srhm.study import Run

    job = RunJob.from_dict(json.loads(content))
    spec, path = job.spec, Path(job.checkpoint or "")
    match spec.seeds.network:
        case 1:
            raise RuntimeError("the machine caught fire")
        case 2:
            os.kill(os.getpid(), signal.SIGKILL)
        case 3:
            path.parent.mkdir(parents=True, exist_ok=True)
            do_once(str(path))
        case 4:
            raise MemoryError("no room")
        case 5:
            path.parent.mkdir(parents=True, exist_ok=True)
            do_save(str(path))
        case 6:
            time.sleep(0.3)
    error = 0.2 / (1 + (spec.P / 300) ** 3)
    metrics = {"error": error, "epochs": 3, "pid": os.getpid()}
    seconds = {"train": 0.0, "sensitivities": 0.0}
    return finished(Run(spec, "converged", metrics, [], seconds, {"srhm": "0"}, "cpu"))
