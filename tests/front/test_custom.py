"""Functions of the user's that train: on the one driver and store, by every executor, on the data of all networks."""

import functools
import importlib
import inspect
import json
import math
import os
import secrets
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import custom_learners
import srhm
from custom_learners import knows_all_but
from folders import SUPPORT
from setups import setup
from srhm import ArgumentError, Grammar, Params, SrhmError, split
from srhm.cli import main
from srhm.interrupts import Terminated
from srhm.nets import NetSpec, build
from srhm.report.commands import pstar_command, run_command
from srhm.report.content import content_of
from srhm.runner.execution import execute
from srhm.runner.functions import custom_net, find, name_of
from srhm.runner.work import RunJob, execute_job
from srhm.store import Store
from srhm.study import Measuring, RunSpec, Seeds, Setup, Study, studies_of
from srhm.study.custom import CustomNet
from srhm.training import Optimizer, Stopping

PARAMS = Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)
NO_BLANKS = {"params": replace(PARAMS, s0=0), "P_test": 100}
ASKED = {"params": PARAMS, "start": 300, "seeds": 2, "P_test": 400, "encoding": "integer", "progress": False}


@pytest.fixture
def asked(tmp_path):
    return ASKED | {"store": tmp_path / "runs.sqlite"}


def check(found, seeds=2):
    """P* of `knows_all_but` is 250 (1 + seed), up to the interpolation over neighbours within 10%."""
    expected = [250 * (1 + seed) for seed in range(seeds)]
    for crossing, P in zip(found.complexity().crossings, expected, strict=True):
        assert crossing.P_star == pytest.approx(P, rel=0.02)
    assert found.P_star == pytest.approx(math.prod(expected) ** (1 / seeds), rel=0.02)


def test_here(asked, capsys):
    """Any function will do in this process, every run is shown and kept, and its own error is the cause of ours."""
    train = lambda dataset, seed, scale: knows_all_but(dataset, seed, scale)  # noqa: E731
    found = srhm.pstar(net=train, name="mine", options={"scale": 25.0}, **asked | {"progress": True})
    check(found)
    assert len(capsys.readouterr().err.splitlines()) == len(found.runs) == len(Store(asked["store"])) == 10
    for run in found.runs:
        share = min(1, 25 * (1 + run.spec.seeds.network) / run.spec.P)
        assert run.metrics["error"] == round(share * 400) / 400 and run.status == "trained"
    assert found.study.computed == 10
    again = srhm.pstar(net=train, name="mine", options={"scale": 25.0}, **asked)
    assert again.study.computed == 0 and again.complexity() == found.complexity()
    with pytest.raises(SrhmError, match=r"P = 300, seed 0 .*failed.*: ValueError: no such learner") as caught:
        srhm.pstar(net=custom_learners.fails, **asked)
    assert isinstance(caught.value.__cause__, ValueError)
    with pytest.raises(SrhmError, match="ValueError: no such learner"):
        srhm.run(PARAMS, custom_learners.fails, P=40, store=asked["store"], progress=False)
    assert len(Store(asked["store"]).failures()) == 3


@pytest.mark.parametrize("ends", [KeyboardInterrupt, Terminated])
def test_a_search_that_was_interrupted_resumes(asked, ends):
    """Nothing is computed twice, whatever ended the first call; other measurements do not mix."""
    ran = []

    def train(dataset, seed):
        if len(ran) == 5:
            signal.raise_signal({KeyboardInterrupt: signal.SIGINT, Terminated: signal.SIGTERM}[ends])
        ran.append((len(dataset), seed))
        return knows_all_but(dataset, seed)

    with pytest.raises(ends):
        srhm.pstar(net=train, name="mine", **asked)
    store = Store(asked["store"])
    assert len(store) == 5 and store.driver() is None and not store.failures()
    first, ran[:] = list(ran), []
    found = srhm.pstar(net=train, name="mine", **asked)
    check(found)
    assert not set(first) & set(ran) and len(first) + len(ran) == len(found.runs) == len(store)
    ran.clear()
    assert srhm.pstar(net=train, name="mine", **asked).P_star == found.P_star and not ran
    srhm.pstar(net=train, name="mine", **asked | {"P_test": 200, "seeds": 1})
    assert ran and {seed for _, seed in ran} == {0}


def test_in_processes_the_same(asked, tmp_path):
    here = srhm.pstar(net=knows_all_but, **asked)
    there = srhm.pstar(net=knows_all_but, workers=2, **asked | {"store": tmp_path / "there.sqlite"})
    assert there.complexity() == here.complexity()
    assert [run.metrics for run in there.runs] == [run.metrics for run in here.runs]
    check(there)


@pytest.mark.long  # jobs on Ray: runner/test_ray.py
def test_on_ray_the_same(tmp_path, asked):
    """In a process of its own: Ray keeps the token that it read first for the life of a process."""
    pytest.importorskip("ray", reason="Ray, of the extra ray, is not installed")
    code = (
        "from test_custom import ASKED, knows_all_but, srhm\n"
        f"print(srhm.pstar(net=knows_all_but, on='ray', store={str(tmp_path / 'ray.sqlite')!r}, **ASKED).P_star)"
    )
    done = run_script(
        tmp_path, "-c", code, more=[Path(__file__).parent], RAY_AUTH_TOKEN=secrets.token_hex(32)
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.splitlines()[-1]) == srhm.pstar(net=knows_all_but, **asked).P_star


SCRIPT = """
import srhm
from custom_learners import knows_all_but

def train(dataset, seed):
    return knows_all_but(dataset, seed)

params = srhm.Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)
asked = {"start": 300, "seeds": 2, "P_test": 400, "encoding": "integer", "progress": False}
for function, workers in CALLS:
    print(srhm.pstar(params, function, workers=workers, **asked).complexity().status)
"""


def run_script(folder, *command, more=(), **variables):
    paths = [str(SUPPORT), *map(str, more), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | variables
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def test_a_script_without_a_main_guard(tmp_path):
    """Workers do not run it again for a function of a module; for one of its own an error comes before any work."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace("CALLS", "(knows_all_but, 2), (train, 1), (train, 2)"))
    done = run_script(tmp_path, script)
    assert done.returncode == 1 and done.stdout == "bracketed\n" * 2 and done.stderr.count("Traceback") == 1
    said = done.stderr.splitlines()[-1]
    assert said.startswith("srhm.errors.ArgumentError: net = <function train")
    assert "is of the script or notebook that is running, and cannot be found by other processes" in said
    assert said.endswith("import it, or compute here with workers=1.")
    nets = {run.spec.net.family for run in Store(tmp_path / "srhm-runs" / "runs.sqlite").runs()}
    assert nets == {"custom_learners:knows_all_but", "script:train"}


@pytest.mark.long
def test_a_module_that_computes_when_it_is_imported(tmp_path):
    """Workers import it for its function: they refuse to do all that it does, and say so."""
    (tmp_path / "module.py").write_text(SCRIPT.replace("CALLS", "((train, 2),)"))
    done = run_script(tmp_path, "-c", "import module")
    assert done.returncode == 1 and done.stdout == ""
    assert "module computes when it is imported, as workers do to find its functions" in done.stderr
    assert 'Put all that it does under `if __name__ == "__main__":`' in done.stderr


@pytest.mark.long
def test_a_run_whose_process_was_killed_is_tried_again(tmp_path, asked):
    options = {"file": str(tmp_path / "begun")}
    found = srhm.pstar(net=custom_learners.dies_once, workers=2, options=options, **asked)
    assert (tmp_path / "begun").exists() and not Store(asked["store"]).failures()
    assert found.P_star == pytest.approx(250, rel=0.02)


@pytest.mark.long
def test_one_thread_for_each_process_and_errors_end_the_search(asked):
    with pytest.raises(SrhmError, match=r"P = 300, seed \d .* failed.*: ValueError: no such learner"):
        srhm.pstar(net=custom_learners.fails, workers=2, **asked)
    found = srhm.pstar(net=custom_learners.threads, workers=2, **asked)
    assert {run.metrics["error"] for run in found.runs} == {0.01}


def test_the_data_are_those_of_the_built_in_networks(tmp_path):
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

    asked = {"P": 60, "seed": 1, "P_test": 300, "store": tmp_path / "runs.sqlite", "progress": False}
    found = srhm.run(PARAMS, train, name="ours", **asked)
    expected = execute(spec).metrics
    assert set(found.run.metrics) > {"error", "S_21", "D_22", "repeat_bound"}
    for name, value in found.run.metrics.items():
        assert value == pytest.approx(expected[name], rel=1e-5), name
    assert found.S.shape == found.D.shape == (3, 2) and found.S[1, 0] == found.run.metrics["S_21"]
    with pytest.raises(SrhmError, match=r"the network that ours trained is not kept\. Train it again"):
        found.network()
    with pytest.raises(SrhmError, match="the network of ours is known to that function alone"):
        execute(found.run.spec)


def test_fixed_roles_and_replacement(asked):
    seeds = set()

    def train(dataset, seed):
        stream = dataset.stream
        seeds.add((stream.grammar.seed, seed, stream.rule))
        return knows_all_but(dataset, 0)

    changed = {"fix": ("network",), "replacement": True, "largest": 3000, "within": 0.5}
    found = srhm.pstar(net=train, name="fixed", **asked | changed)
    assert seeds == {(0, 0, "replacement"), (1, 0, "replacement")}
    assert {run.spec.seeds for run in found.runs} == {Seeds(0, 0, 0, 0), Seeds(1, 1, 0, 1)}
    assert found.runs[0].metrics["repeat_bound"] > 0 and found.study.setup.replacement


def test_shards_are_merged(asked, tmp_path, capsys):
    whole = srhm.pstar(net=knows_all_but, **asked)
    parts = [tmp_path / f"part-{number}.sqlite" for number in (1, 2)]
    for number, part in enumerate(parts, start=1):
        found = srhm.pstar(net=knows_all_but, shard=f"{number}/2", **asked | {"store": part})
        assert {run.spec.seeds.network for run in found.runs} == {number - 1}
    merged = tmp_path / "merged.sqlite"
    main(["merge", str(merged), *map(str, parts)])
    found = srhm.pstar(net=knows_all_but, **asked | {"store": merged})
    assert found.study.computed == 0 and found.complexity() == whole.complexity()
    main(["export", str(tmp_path / "runs.jsonl.xz"), "--store", str(merged)])
    again = tmp_path / "again.sqlite"
    main(["merge", str(again), str(tmp_path / "runs.jsonl.xz")])
    assert srhm.pstar(net=knows_all_but, **asked | {"store": again}).study.computed == 0
    capsys.readouterr()


def scores(dataset, seed, gap=1):
    return lambda x: x[:, :4]


def test_the_store_and_the_report_show_it(asked, capsys):
    name, options = "test_custom:scores", {"options": {"gap": [1, 2]}}
    srhm.pstar(
        net=scores, thresholds={"error": 0.5}, largest=40, **asked | {"start": 20} | options, name=name
    )
    with pytest.raises(SrhmError):
        srhm.run(PARAMS, custom_learners.fails, P=40, P_test=400, store=asked["store"], progress=False)
    store = Store(asked["store"])
    with pytest.raises(
        ArgumentError, match="name = 'test_custom:scores' names a function whose text has changed"
    ):
        store.check_source(CustomNet(name))
    main(["status", str(asked["store"]), "--failures"])
    assert "custom_learners:fails, P = 40, seed 0: ValueError: no such learner" in capsys.readouterr().out
    runs = list(store.runs(net=name))
    assert len(runs) == len(store) and runs[0].metrics["S_11"] is not None
    with pytest.raises(ArgumentError, match="net = 'scores' is not a network of this store"):
        store.runs(net="scores")
    table = store.to_pandas(net=name)
    assert set(table["net"]) == {name} and set(table["option_gap"]) == {"[1, 2]"}
    assert (
        table["width"].isna().all() and table["learning_rate"].isna().all() and set(table["P_test"]) == {400}
    )
    assert "option_gap" not in store.to_pandas(net="cnn")
    content = content_of(runs, "of a function")
    (about,) = content["settings"]
    assert about["label"].startswith(f"{name} v=m=n_c=4") and "gap=[1, 2]" in about["label"]
    call = (
        "srhm.{}(srhm."
        + repr(PARAMS)
        + ", train, {}, name='test_custom:scores', {}options={{'gap': [1, 2]}})"
    )
    rest = "encoding='integer', P_test=400, "
    start = round(studies_of(runs)[0].expected)
    assert about["command"] == call.format("pstar", f"start={start}, seeds=2", rest)
    assert run_command(runs[0].spec) == call.format(
        "run", f"P={runs[0].spec.P}, seed={runs[0].spec.seeds.order}", rest
    )


def test_a_setup_of_a_function(refuses):
    net = custom_net(knows_all_but, encoding="integer", options={"scale": (1, 2)})
    assert net.family == "custom_learners:knows_all_but" and net.chosen == {"scale": [1, 2]}
    found = Setup(PARAMS, net, measuring=Measuring(P_test=400))
    assert Setup.from_dict(found.to_dict()) == found and hash(found.net) == hash(net)
    assert RunSpec.from_dict(found.at(300, 1).to_dict()).hash == found.at(300, 1).hash
    assert found.to_dict()["net"]["custom"]["source"] == net.source and len(net.source) == 64
    changes = ({"source": "0"}, {"options": {}}, {"family": "b"}, {"encoding": "onehot"})
    nets = [net, *(replace(net, **one) for one in changes)]
    assert len({Setup(PARAMS, one, measuring=found.measuring).digest for one in nets}) == 5
    assert found.rate_extended is False and found.width == 0
    assert "seed=Seeds(grammar=1, " in run_command(found.at(300, Seeds(grammar=1)))
    assert "fix=('grammar',)" in pstar_command(found, 2, ("grammar",), 300)
    for argument, value in (
        ("optimizer", Optimizer(rate=0.1)), ("stopping", Stopping(loss=0.1)), ("measuring", Measuring(record=("S",))),
    ):  # fmt: skip
        with pytest.raises(
            ArgumentError, match=r"is not used by a function of your own, which trains as it does"
        ):
            Setup(PARAMS, net, **{argument: value})
    with refuses("name", "'cnn'", "Choose another name="):
        CustomNet("cnn")
    with refuses("name", "''", "Choose another name="):
        CustomNet("")
    with refuses("width", "8", "Pass it to the function, in options"):
        CustomNet("mine", width=8)


def test_names_of_functions(refuses, asked, monkeypatch):
    """What is known by its text needs no name; what depends on more does, and so does what has no text."""
    fix = "Give name=, a name under which its runs are kept"
    depends = 3

    def inner(dataset, seed):
        return depends

    def kept(dataset, seed, scale=depends):
        return scale

    def free(dataset, seed):
        return None

    class Heir(custom_learners.Trainer):
        """Another class with the same text."""

    assert custom_net(Heir.by_class).family.endswith("Heir.by_class")
    assert custom_net(free).family == f"{__name__}:free"
    assert custom_net(custom_learners.Trainer.by_class).family == "custom_learners:Trainer.by_class"
    for function in (
        lambda dataset, seed: None, inner, kept, custom_learners.Trainer().train,
        functools.partial(knows_all_but, scale=1.0),
    ):  # fmt: skip
        with refuses("name", "None", fix):
            srhm.pstar(net=function, **asked)
        assert custom_net(function, "mine").family == "mine"
    assert custom_net(inner, "mine").source is not None and custom_net(lambda: None, "mine").source is None
    fix = "Put it into a file of its own as a function with a name and import it, or compute here with workers=1"
    for function in (lambda dataset, seed: None, free, custom_learners.Trainer().train):
        with refuses("net", "<bound method" if inspect.ismethod(function) else "<function", fix):
            srhm.pstar(net=function, name="mine", workers=2, **asked)
    assert not asked["store"].exists()
    other = type(sys)("no_module_of_that_name")
    exec("def train(dataset, seed):\n    return seed\n", other.__dict__)
    with refuses("net", "<function", fix):
        name_of(other.train, "net")
    assert name_of(custom_learners.Trainer.by_class, "net") == "custom_learners:Trainer.by_class"
    assert find("custom_learners:Trainer.by_class", "net") == custom_learners.Trainer.by_class
    for name in ("custom_learners:nothing", "no_such_module:train"):
        with refuses("net", repr(name), "Install its module where runs are computed"):
            find(name, "net")
    script = type(sys)("__main__")
    monkeypatch.setitem(sys.modules, "__main__", script)  # a notebook's, which has no file
    free.__module__ = "__main__"
    assert custom_net(free).family == "free"
    script.__file__ = "/somewhere/script.py"
    assert custom_net(free).family == "script:free"
    script.free = free
    with refuses("net", "<function", fix):
        name_of(free, "net")


def test_a_changed_function_is_refused_in_the_same_store(tmp_path, asked, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    text = "def train(dataset, seed):\n    return lambda x: [0] * len(x)\n"
    (tmp_path / "changing_net.py").write_text(text)
    import changing_net

    one = {"P": 20, "P_test": 20, "progress": False, "store": asked["store"]}
    assert srhm.run(PARAMS, changing_net.train, **one).status == "trained"
    (tmp_path / "changing_net.py").write_text(text.replace("[0]", "[10 // 10]"))
    changed = importlib.reload(changing_net)
    with pytest.raises(ArgumentError) as caught:
        srhm.run(PARAMS, changed.train, **one)
    assert caught.value.argument == "name"
    assert "Give the new one another name=, or use another store=" in str(caught.value)
    with pytest.raises(ArgumentError):
        srhm.pstar(PARAMS, changed.train, start=20, store=asked["store"])
    srhm.run(PARAMS, changed.train, name="other", **one)
    srhm.run(PARAMS, changed.train, **one | {"store": tmp_path / "other.sqlite"})
    assert len(Store(asked["store"])) == 2


def test_a_job_carries_where_its_function_is(asked):
    measuring = Measuring(P_test=400)
    spec = Setup(PARAMS, custom_net(knows_all_but, encoding="integer"), measuring=measuring).at(40)
    train = srhm.runner.functions.Importable.of(knows_all_but, "net")
    content = RunJob(spec, train=train).to_dict()
    assert (
        content["train"]["name"] == "custom_learners:knows_all_but"
        and str(SUPPORT) in content["train"]["path"]
    )
    assert RunJob.from_dict(content).train.find() is knows_all_but
    assert json.loads(execute_job(json.dumps(content)))["metrics"]["error"] == 0.625


def test_training_that_diverged_is_no_measurement(asked):
    """At P below 600 its outputs are not numbers; nothing is said of where its error crosses 10%."""

    def train(dataset, seed):
        value = math.nan if len(dataset) < 600 else 0.0
        return lambda x: value + np.eye(4)[knows_all_but(dataset, seed, 0.0)(x)]

    changed = {"start": 100, "seeds": 1, "thresholds": {"error": 0.1, "S_11": 0.5}}
    found = srhm.pstar(net=train, name="diverges", **asked | changed)
    for one in map(found.complexity, changed["thresholds"]):
        assert (one.status, one.P_star, one.interval) == ("diverged", None, None) and one.diverged > 1
        assert one.crossings[0].P_high is not None and "diverged" in repr(one)
    assert {run.status for run in found.runs} == {"diverged", "trained"}


def ones(dataset, seed):
    return lambda x: x[:, :1]


def test_bad_arguments(unchecked, asked):
    import torch

    for argument, value, fix, changed in (
        ("thresholds", "'accuracy'", "Use error, S_kl or D_kl, as in S_21", {"thresholds": {"accuracy": 0.9}}),
        ("thresholds['error']", "1.5", "> 0 and < 1", {"thresholds": {"error": 1.5}}),
        ("thresholds", "'S_2'", "as in S_21", {"thresholds": {"S_2": 0.9}}),
        ("thresholds", "'S_23'", "Use levels 1 to 2", {"thresholds": {"S_23": 0.9}}),
        ("thresholds", "'D_21'", "Use error or S_kl", {"thresholds": {"D_21": 0.9}, **NO_BLANKS}),
        ("thresholds", "'S_92'", "Use one of error, S_11, S_12, D_11, ", {"thresholds": {"S_92": 0.9}, "net": scores}),
        ("thresholds", "'S_21'", "Have it return one score for each class", {"thresholds": {"S_21": 0.9}}),
        ("quantities", "'all'", "Give one of them", {"thresholds": {"error": 0.9}, "quantities": "all"}),
        ("quantities", "'all'", "Use error", {"quantities": "all"}),
        ("params", "{'v': 4}", "Give a Params", {"params": {"v": 4}}),
        ("net", "3", "Use one of cnn", {"net": 3}),
        ("net", "<class", "train(dataset, seed) that returns", {"net": dict}),
        ("net", "Linear(", "train(dataset, seed) that returns", {"net": torch.nn.Linear(3, 2)}),
        ("net", "<function", "Let it take a Dataset, a seed", {"net": lambda dataset: dataset, "name": "one"}),
        ("net", "<function", "the options", {"options": {"unknown": 1}}),
        ("seeds", "0", "Use seeds >= 1", {"seeds": 0}),
        ("workers", "0", "Use workers >= 1", {"workers": 0}),
        ("largest", "16384", "Use largest <= 15984", {"largest": 16384}),
        ("P_test", "0", "Use P_test >= 3", {"P_test": 0}),
        ("P_test", "1000000", "Use P_test <= 16380, or replacement", {"P_test": 10**6}),
        ("start", "3", "Start between them", {"start": 3}),
        ("start", "None", "Give the first P to try", {"start": None}),
        ("largest", "3", "Use largest >= 4", {"largest": 3}),
        ("encoding", "'dense'", "Use one of ", {"encoding": "dense"}),
        ("fix", "'rules'", "Use one of ", {"fix": ["rules"]}),
        ("fix", "'order'", "Use network, samples", {"fix": ["order"]}),
        ("on", "'moon'", "Use 'local', 'ray' or", {"on": "moon"}),
        ("shard", "'3'", "Write for example", {"shard": "3"}),
        ("limit", "9", "Use workers >= 2", {"limit": 9}),
        ("protocol", "'published'", "Leave it out", {"protocol": "published"}),
        ("protocol", "'paper'", "Use 'default' or 'published'", {"protocol": "paper"}),
        ("within", "0.5", "Use search='bisection'", {"search": "nearest_grid", "within": 0.5}),
        ("search", "'grid'", "Use 'bisection' or", {"search": "grid"}),
        ("thresholds", "0.05", "{'error': 0.1}", {"thresholds": 0.05}),
        ("thresholds", "{1: 0.1}", "{'error': 0.1}", {"thresholds": {1: 0.1}}),
        ("shard", "(1, 2)", "Write for example", {"shard": (1, 2)}),
        ("fix", "None", "some of grammar", {"fix": None}),
        ("fix", "'order'", "Use network, samples", {"fix": "order"}),
        ("store", "None", "Give a path", {"store": None}),
        ("gpu", "0.5", "Use on='ray'", {"gpu": 0.5}),
        ("width", "8", "options={...}", {"width": 8}),
        ("learning_rate", "8", "options={...}", {"learning_rate": 8}),
        ("record", "True", "options={...}", {"record": True}),
        ("widht", "8", "Did you mean 'width'", {"widht": 8}),
        ("options", "{'scale': <o", "Give numbers, texts and lists", {"options": {"scale": object()}}),
        ("name", "'my net'", "own", {"net": "cnn", "name": "my net", "encoding": "whitened"}),
        ("options", "{'a': 1}", "by their names", {"net": NetSpec("cnn"), "options": {"a": 1}, "encoding": "whitened"}),
    ):  # fmt: skip
        with pytest.raises(ValueError) as caught:
            srhm.pstar(**({"net": knows_all_but} | asked | changed))
        assert caught.value.argument == argument, caught.value
        assert str(caught.value).startswith(f"{argument} = {value}"), caught.value
        assert fix in str(caught.value), caught.value
    with pytest.raises(ArgumentError, match="Leave out order"):
        srhm.run(PARAMS, knows_all_but, P=40, seed=Seeds(order=1), store=asked["store"])
    with pytest.raises(SrhmError, match=r"predict = \(400, 1\) .* \(400, 4\), or class numbers"):
        srhm.pstar(net=ones, **asked)
