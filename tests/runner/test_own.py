"""P* of what a user trains: known values, by every executor, and on the data of the built-in networks."""

import inspect
import math
import os
import secrets
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import own_learners
from folders import SUPPORT
from own_learners import knows_all_but
from setups import setup
from srhm import Grammar, Params, SrhmError, split
from srhm.nets import build
from srhm.runner.execution import execute
from srhm.runner.functions import find, name_of
from srhm.runner.own import Measurement, pstar
from srhm.study import Study
from srhm.training import Optimizer

PARAMS = Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)
NO_BLANKS = {"params": replace(PARAMS, s0=0), "P_test": 100}
ASKED = {"params": PARAMS, "start": 300, "P_test": 400, "encoding": "integer"}


def check(found, seeds=2):
    """P* of `knows_all_but` is 250 (1 + seed), up to the interpolation over neighbours within 10%."""
    expected = [250 * (1 + seed) for seed in range(seeds)]
    for crossing, P in zip(found.crossings, expected, strict=True):
        assert crossing.P_star == pytest.approx(P, rel=0.02)
    assert found.P_star == pytest.approx(math.prod(expected) ** (1 / seeds), rel=0.02)


def test_here():
    """Any function will do in this process, its own error goes through, and every run is shown."""
    seen = []
    found = pstar(
        lambda dataset, seed, scale: knows_all_but(dataset, seed, scale),
        seeds=2,
        options={"scale": 25.0},
        watch=lambda P, replicate, metrics: seen.append((P, replicate, metrics["error"])),
        **ASKED,
    )["error"]
    check(found)
    assert len(seen) == found.runs and {replicate for _, replicate, _ in seen} == {0, 1}
    for P, replicate, error in seen:
        assert error == round(min(1, 25 * (1 + replicate) / P) * 400) / 400
    with pytest.raises(ValueError, match="no such learner"):
        pstar(own_learners.fails, **ASKED)


def test_a_search_that_was_cut_goes_on(tmp_path, refuses):
    """Nothing is computed twice, whatever ended the first call; other measurements do not mix."""
    path, ran = tmp_path / "new" / "mine.jsonl", []

    def train(dataset, seed):
        if len(ran) == 5:
            raise KeyboardInterrupt
        ran.append((len(dataset), seed))
        return knows_all_but(dataset, seed)

    asked = ASKED | {"seeds": 2, "results": path}
    with pytest.raises(KeyboardInterrupt):
        pstar(train, **asked)
    path.write_text(path.read_text() + '{"P": 250, "repl')  # the machine went down while it wrote
    first, ran[:] = list(ran), []
    found = pstar(train, **asked)["error"]
    assert found == pstar(knows_all_but, seeds=2, **ASKED)["error"]
    assert len(first) == 5 and not set(first) & set(ran) and len(first) + len(ran) == found.runs
    ran.clear()
    assert pstar(train, **asked)["error"] == found and not ran
    pstar(train, **asked | {"P_test": 200, "seeds": 1})
    assert ran and {seed for _, seed in ran} == {0}
    for place in (tmp_path, Path("/proc/mine.jsonl")):
        with refuses("results", f"'{place}'", "Give a file"):
            pstar(train, **ASKED | {"results": place})
    other = tmp_path / "notes.md"
    other.write_text("# My notes\n")
    with refuses("results", f"'{other}'", "Name a new file, or one that a search wrote"):
        pstar(train, **ASKED | {"results": other})
    assert other.read_text() == "# My notes\n"


def test_in_processes_the_same():
    here = pstar(knows_all_but, seeds=2, **ASKED)["error"]
    there = pstar("own_learners:knows_all_but", seeds=2, workers=2, **ASKED)["error"]
    assert there == here
    check(there)


@pytest.mark.long
def test_on_ray_the_same():
    """In a process of its own: Ray keeps the token that it read first for the life of a process."""
    pytest.importorskip("ray", reason="Ray, of the extra ray, is not installed")
    code = (
        "from test_own import ASKED, pstar\n"
        "print(repr(pstar('own_learners:knows_all_but', seeds=2, on='ray', **ASKED)['error'].P_star))"
    )
    paths = [str(Path(__file__).parent), str(SUPPORT), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    here = pstar(knows_all_but, seeds=2, **ASKED)["error"]
    assert float(done.stdout.splitlines()[-1]) == here.P_star


@pytest.mark.long
def test_a_script_that_is_running():
    """Its own functions are found by spawned workers, though no module has them."""
    script = Path(own_learners.__file__)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = pstar(knows_all_but, seeds=2, **ASKED)["error"]
    assert done.stdout == f"bracketed {found.P_star}"


SCRIPT = """
import srhm
from own_learners import knows_all_but
from setups import setup
from srhm.runner.own import pstar

def train(dataset, seed):
    return knows_all_but(dataset, seed)

params = srhm.Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)
found = pstar(FUNCTION, params, start=300, seeds=2, P_test=400, encoding="integer", workers=2)
print(found["error"].status)
"""


def run_script(tmp_path, *command):
    paths = [str(SUPPORT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.run(
        [sys.executable, *command],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def test_a_script_that_guards_nothing(tmp_path):
    """Workers do not run it again for a function of a module; for one of its own they have to, which an error says."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace("FUNCTION", "knows_all_but"))
    done = run_script(tmp_path, script)
    assert (done.stdout, done.stderr) == ("bracketed\n", "")
    script.write_text(SCRIPT.replace("FUNCTION", "train"))
    done = run_script(tmp_path, script)
    assert done.returncode == 1 and done.stderr.count("Traceback") == 1
    assert f"{script} computes when it is imported" in done.stderr.splitlines()[-1]
    assert 'Put all that it does under `if __name__ == "__main__":`' in done.stderr.splitlines()[-1]


@pytest.mark.long
def test_a_module_that_is_run(tmp_path):
    """By `python -m`: its functions are found by its name, so that what it imports may be named relatively."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "learners.py").write_text("from own_learners import knows_all_but")
    script = SCRIPT.replace("from own_learners", "from .learners").replace("FUNCTION", "train")
    head, rest = script.split("params =")
    body = "".join(f"    {line}\n" for line in f"params ={rest}".splitlines())
    (package / "script.py").write_text(f'{head}if __name__ == "__main__":\n{body}')
    done = run_script(tmp_path, "-m", "package.script")
    assert (done.stdout, done.stderr) == ("bracketed\n", "")


def test_processes_that_die_and_functions_that_fail(tmp_path):
    """A run whose process was killed is tried again; one thread is enough for each; an error ends the search."""
    options = {"file": str(tmp_path / "begun")}
    found = pstar(own_learners.dies_once, seeds=2, workers=2, options=options, **ASKED)["error"]
    assert (tmp_path / "begun").exists()
    assert found.P_star == pytest.approx(250, rel=0.02)
    with pytest.raises(SrhmError, match=r"P = 300 points, replicate \d, failed: ValueError: no such learner"):
        pstar(own_learners.fails, workers=2, **ASKED)
    errors = []
    pstar(
        own_learners.threads, seeds=2, workers=2, watch=lambda *run: errors.append(run[2]["error"]), **ASKED
    )
    assert set(errors) == {0.01}


def test_the_data_are_those_of_the_built_in_networks():
    """What replicate r is trained on and judged by; and a built-in network gets the same numbers either way."""
    study = Study(setup(PARAMS, "cnn", width=8, P_test=300), thresholds={"error": 0.1, "S_21": 0.3})
    spec = study.at(60, 1)
    sets = split(Grammar(PARAMS, 1), 60, 300, 1)

    def train(dataset, seed):
        from srhm.training import train as train_ours

        assert seed == 1
        for name in ("features", "positions", "labels"):
            np.testing.assert_array_equal(getattr(dataset, name), getattr(sets.train, name))
        net = build("cnn", PARAMS, width=8, seed=seed)
        stopping = spec.setup.stopping
        return train_ours(
            net, dataset, sets.test, optimizer=Optimizer(rate=0.1), stopping=stopping, order_seed=seed
        ).net

    found = Measurement(PARAMS, ("error", "S_21", "D_22"), P_test=300)(train, 60, 1)
    expected = execute(spec).metrics
    assert list(found) == ["error", "S_21", "D_22"]
    for name, value in found.items():
        assert value == pytest.approx(expected[name], rel=1e-5)
    fixed = Measurement(PARAMS, fix=("network", "samples"), P_test=300, options={"one": 1})
    fixed(lambda dataset, seed, one: lambda x: [seed - one + 1] * len(x), 60, 5)
    assert Measurement.from_dict(fixed.to_dict()) == fixed


def test_names_of_functions(refuses, tmp_path, monkeypatch):
    assert name_of(knows_all_but, "train") == "own_learners:knows_all_but"
    assert find("own_learners:knows_all_but") is knows_all_but
    path = tmp_path / "mine.py"
    path.write_text("def train(dataset, seed):\n    return seed\n")
    assert find(f"{path}:train")(None, 7) == 7
    assert name_of(f"{path}:train", "train") == f"{path}:train"
    fix = "Put it into a file as a function with a name and import it, or compute here with workers=1"

    def inner(dataset, seed):
        return None

    for function in (lambda dataset, seed: None, inner, own_learners.Trainer().train):
        with refuses("train", "<bound method" if inspect.ismethod(function) else "<function", fix):
            pstar(function, workers=2, **ASKED)
    other = type(sys)("no_module_of_that_name")
    exec("def train(dataset, seed):\n    return seed\n", other.__dict__)
    with refuses("train", "<function", fix):
        name_of(other.train, "train")
    assert name_of(own_learners.Trainer.by_class, "train") == "own_learners:Trainer.by_class"
    assert find("own_learners:Trainer.by_class") == own_learners.Trainer.by_class
    script = type(sys)("__main__")
    monkeypatch.setitem(sys.modules, "__main__", script)  # a notebook's, which has no file
    inner.__module__, inner.__qualname__ = "__main__", "inner"
    with refuses("train", "<function", fix):
        name_of(inner, "train")
    script.__file__ = str(path)
    assert name_of(inner, "train") == f"{path}:inner"
    fix = "Use 'module:function' or 'script.py:function'"
    for name in ("own_learners", "own_learners:nothing", "no_such_module:train", f"{tmp_path}/no.py:train"):
        with refuses("train", repr(name), fix):
            pstar(name, **ASKED)


def scores(dataset, seed):
    return lambda x: x[:, :4]


def test_training_that_diverged_is_no_measurement():
    """At P below 600 its outputs are not numbers; nothing is said of where its error crosses 10%."""

    def train(dataset, seed):
        value = math.nan if len(dataset) < 600 else 0.0
        return lambda x: value + np.eye(4)[knows_all_but(dataset, seed, 0.0)(x)]

    found = pstar(train, **(ASKED | {"start": 100}), seeds=1, thresholds={"error": 0.1, "S_11": 0.5})
    for one in found.values():
        assert (one.status, one.P_star, one.interval) == ("diverged", None, None) and one.diverged > 1
        assert one.crossings[0].P_high is not None and "diverged" in repr(one)


def test_bad_arguments(unchecked, tmp_path):
    for argument, value, fix, changed in (
        ("thresholds", "'accuracy'", "Use error, S_kl or D_kl, as in S_21", {"thresholds": {"accuracy": 0.9}}),
        ("thresholds['error']", "1.5", "> 0 and < 1", {"thresholds": {"error": 1.5}}),
        ("thresholds", "'S_2'", "as in S_21", {"thresholds": {"S_2": 0.9}}),
        ("thresholds", "'S_23'", "Use levels 1 to 2", {"thresholds": {"S_23": 0.9}}),
        ("thresholds", "'D_21'", "Use error or S_kl", {"thresholds": {"D_21": 0.9}, **NO_BLANKS}),
        ("thresholds", "'S_92'", "Use one of D_11, D_12, S_11, ", {"thresholds": {"S_92": 0.9}, "train": scores}),
        ("layers", "(250,)", "Return one score per class, (250, 4)", {"thresholds": {"S_21": 0.9}}),
        ("predict", "(400, 1)", "(400, 4), or class numbers", {"train": lambda *_: lambda x: x[:, :1]}),
        ("params", "{'v': 4}", "Give a Params", {"params": {"v": 4}}),
        ("train", "3", "Give a function", {"train": 3}),
        ("train", "Params(", "Give a function", {"train": PARAMS}),
        ("seeds", "0", "Use seeds >= 1", {"seeds": 0}),
        ("workers", "0", "Use workers >= 1", {"workers": 0}),
        ("largest", "16384", "Use largest <= 15984", {"largest": 16384}),
        ("P_test", "0", "Use P_test >= 1", {"P_test": 0}),
        ("P_test", "1000000", "Use P_test <= 16380, or replacement", {"P_test": 10**6}),
        ("start", "3", "Start between them", {"start": 3}),
        ("largest", "3", "Use largest >= 4", {"largest": 3}),
        ("encoding", "'dense'", "Use one of ", {"encoding": "dense"}),
        ("fix", "'rules'", "Use one of ", {"fix": ["rules"]}),
        ("on", "'moon'", "Use one of local, ", {"on": "moon"}),
        ("options", "{'a': <o", "Give numbers, texts and lists", {"options": {"a": object()}, "workers": 2}),
        ("options", "{'a': <o", "Give numbers, texts", {"options": {"a": object()}, "results": tmp_path / "r"}),
    ):  # fmt: skip
        with pytest.raises(ValueError) as caught:
            pstar(**({"train": knows_all_but} | ASKED | changed))
        assert caught.value.argument == argument, caught.value
        assert str(caught.value).startswith(f"{argument} = {value}") and fix in str(caught.value), (
            caught.value
        )
