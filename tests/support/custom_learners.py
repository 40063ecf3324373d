"""What a user may train, with a known P*: functions of a module, which workers import."""

import os
import signal
from pathlib import Path

import numpy as np

from srhm import parse


def knows_all_but(dataset, seed, scale=25.0):
    """A classifier of integer inputs that errs on a fraction scale (1 + seed) / P of them: P* = 250 (1 + seed)."""
    grammar, share = dataset.stream.grammar, min(1.0, scale * (1 + seed) / len(dataset))

    def predict(x):
        label = parse(grammar, x).label
        wrong = np.arange(len(x)) < round(share * len(x))
        return (label + wrong) % dataset.params.n_c

    return predict


def fails(dataset, seed):
    raise ValueError("no such learner")


def dies_once(dataset, seed, file):
    """Kill the process at the first run of all, as a machine short of memory would."""
    if not Path(file).exists():
        Path(file).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return knows_all_but(dataset, 0)


class Trainer:
    """What trains need not be a function; but an object does not pass to other processes."""

    def train(self, dataset, seed):
        return knows_all_but(dataset, seed)

    @classmethod
    def by_class(cls, dataset, seed):
        return knows_all_but(dataset, seed)


def threads(dataset, seed):
    """Err on as large a fraction as PyTorch has threads, in hundredths."""
    import torch

    return knows_all_but(dataset, 0, torch.get_num_threads() * len(dataset) / 100)
