"""Arguments of another type: every public function names them."""

import inspect
from importlib import import_module
from types import UnionType
from typing import Union, get_args, get_origin

import pytest

from custom_learners import knows_all_but
from srhm import ArgumentError, Dataset, Derivation, Grammar, Params, Stream, pstar, split
from srhm.figures import learning_curves, scaling
from srhm.inference import UniformNoise
from srhm.inference.noise import Process
from srhm.learners import LayerwiseLearner
from srhm.measure.crossings import Crossing, combine
from srhm.measure.probing import probes
from srhm.measure.sensitivity import sensitivities
from srhm.measure.sensitivity import test_error as error_of
from srhm.nets import NetSpec, build
from srhm.study import Measuring, RunSpec, Seeds, Setup, Study
from srhm.torch import EndlessDataset, TorchDataset
from srhm.training import Optimizer, Stopping, train_ensemble

PARAMS = Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)
GRAMMAR = Grammar(PARAMS, 0)
SETS = split(GRAMMAR, 40, 40, 0)
OBJECTS = {
    Params: PARAMS,
    Grammar: GRAMMAR,
    Stream: SETS.train.stream,
    Dataset: SETS.train,
    Derivation: SETS.train.derivation(0, 2),
    Process: UniformNoise(),
    Optimizer: Optimizer(),
    Stopping: Stopping(),
    Measuring: Measuring(),
    NetSpec: NetSpec("cnn"),
    Setup: Setup(PARAMS, NetSpec("cnn")),
    Seeds: Seeds(),
    LayerwiseLearner: LayerwiseLearner(),
    RunSpec: Setup(PARAMS, NetSpec("cnn")).at(40),
}
"""What the arguments of these types are where another one is wrong."""

OTHERS = {"name": "cnn", "net": "cnn", "what": "features", "rules": [], "count": 2, "level": 1}
NET = build("cnn", PARAMS, 4)

MODULES = (
    *(
        "srhm",
        "model.derivation",
        "model.stream",
        "model.dataset",
        "model.splitting",
        "model.encoding",
        "model.grammar",
        "model.catalogue",
    ),
    *("exports", "inference", "nets", "training.protocol", "training", "theory", "gradients", "learners"),
    *(
        "study",
        "runner.execution",
        "figures",
        "reference",
        "paper.settings",
        "runner.resources",
    ),
)

INSIDE = {
    "advance", "advance_online", "batch_loss", "batch_gradient", "start", "Run", "BayesError",
    "MostProbable", "LayerwisePredictor", "RelevancePoint", "Series", "BackendError", "check_options", "check_scores",
    "chosen_thresholds", "SrhmError", "Instance", "Split", "Design", "check_start", "encoding_for", "shared_layers",
}  # fmt: skip
"""Results, and what runs inside compiled programs, where no user calls it."""


def _public():
    """Yield every public function or class with one of its arguments that should be of a type above."""
    found = {}
    for name in MODULES:
        module = import_module("srhm" if name == "srhm" else f"srhm.{name}")
        names = getattr(module, "__all__", None) or [
            one for one, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__
        ]
        for one in names:
            value = getattr(module, one)
            if one.startswith("_") or one in INSIDE or not callable(value):
                continue
            found[one] = value
            if inspect.isclass(value):
                makers = [k for k, f in vars(value).items() if isinstance(f, classmethod)]
                found |= {f"{one}.{k}": getattr(value, k) for k in makers if not k.startswith("_")}
    for name, function in found.items():
        if inspect.isfunction(function) or inspect.ismethod(function) or inspect.isclass(function):
            for argument, parameter in inspect.signature(function).parameters.items():
                if parameter.annotation in OBJECTS:
                    yield pytest.param(function, argument, id=f"{name}-{argument}")


@pytest.mark.parametrize(("function", "argument"), list(_public()))
def test_an_argument_of_another_type_is_named(unchecked, function, argument):
    given = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD:
            kind = parameter.annotation
            kind = (
                get_args(kind)[0] if get_origin(kind) in (Union, UnionType) else kind
            )  # the first of several
            given[name] = OBJECTS.get(kind, OTHERS.get(name))
            if name == "net" and function.__module__.startswith("srhm.training"):
                given[name] = NET
    given[argument] = {"v": 4}
    with pytest.raises(ArgumentError, match=f"^{argument} = {{'v': 4}} is a dict, not a") as caught:
        function(**given)
    assert caught.value.argument == argument


@pytest.mark.parametrize("measure", [sensitivities, probes, error_of])
def test_a_network_and_its_data_in_the_wrong_order(refuses, measure):
    with refuses("dataset", "Network(", "Give a Dataset"):
        measure(SETS.test, NET)


def test_lists_of_another_type(refuses):
    crossing = Crossing("error", 0.1, "above", None, 900, None, 3)
    with refuses("crossings[1]", "0.1", "Give a Crossing"):
        combine([crossing, 0.1])
    with refuses("jobs", "{}", "Give a list of TrainingJob"):
        train_ensemble({})
    with refuses("jobs[0]", "'cnn'", "Give a TrainingJob"):
        train_ensemble(["cnn"])
    with refuses("points[0]", "(1, 2)", "Give a ScalingPoint"):
        scaling([(1, 2)])
    with refuses("curves", "{}", "Give a list of Curve"):
        learning_curves({})


def test_fields_of_another_type(refuses):
    with refuses("params", "{'v': 4}", "Give a Params"):
        pstar({"v": 4}, knows_all_but, start=100)
    with refuses("params", "{'v': 4}", "Give a Params"):
        Setup({"v": 4}, NetSpec("cnn"))
    with refuses("net", "'cnn'", "Give a NetSpec"):
        Setup(PARAMS, "cnn")
    with refuses("optimizer", "'published'", "Give an Optimizer"):
        Setup(PARAMS, NetSpec("cnn"), "published")
    with refuses("setup", "Params(", "Give a Setup"):
        RunSpec(PARAMS, 40)
    with refuses("seeds", "(1, 2)", "Give a Seeds"):
        RunSpec(Setup(PARAMS, NetSpec("cnn")), 40, (1, 2))
    with refuses("setup", "Params(", "Give a Setup"):
        Study(PARAMS)
    for data in (TorchDataset, EndlessDataset):
        with pytest.raises(ArgumentError, match="Grammar"):
            data(GRAMMAR, 10)


def test_files_that_are_missing_or_are_no_grammar(refuses, tmp_path):
    path, fix = tmp_path / "rules.json", "Name a file of Grammar.save"
    with refuses("path", repr(str(path)), fix):
        Grammar.load(path)
    with refuses("path", repr(str(tmp_path)), fix):
        Grammar.load(tmp_path)
    with refuses("path", "3", fix):
        Grammar.load(3)
    path.write_bytes(b"\xff\xfe\x00")
    with refuses("path", "PosixPath", fix):
        Grammar.load(path)
    GRAMMAR.save(path)
    assert Grammar.load(str(path)) == GRAMMAR
