"""The command line: what it prints, what it refuses, what it imports, and that a killed command resumes."""

import ast
import inspect
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import numpy as np
import pytest

import srhm
from commands import SMALL, ended, run, started, wait_for_a_child, wait_for_rows, wait_for_workers
from fake_runs import SPEC, fake_run
from srhm.cli.commands import COMMANDS
from srhm.cli.endings import INTERRUPTED
from srhm.inference import BeliefNoise, forward_backward
from srhm.nets import predict
from srhm.runner.work import RunJob, finished
from srhm.store import Store
from srhm.study import Run
from srhm.training.checkpoint import Checkpoint

HEAVY = {"jax", "equinox", "optax", "scipy", "sqlalchemy", "matplotlib", "torch", "ray", "rich"}


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


BAD_MODELS = [
    (["--v", "1"], "v = 1"),
    (["--v", "two"], "v"),
    (["--s", "1"], "s = 1"),
    (["--s0", "-1"], "s0 = -1"),
    (["--L", "0"], "L = 0"),
    (["--L", "99"], "L = 99"),
    (["--m", "7", "--v", "6"], "m = 7"),
    (["--m", "0"], "m = 0"),
    (["--n-c", "1"], "n_c = 1"),
    (["--n-c", "37", "--m", "1"], "m = 1"),
    (["--sparsity", "C"], "C"),
    (["--nonsense", "3"], "nonsense"),
]
BAD_NETWORKS = [
    (["--net", "rnn"], "rnn"),
    (["--width", "0"], "width = 0"),
    (["--bias", "shared", "--net", "lcn"], "bias = 'shared'"),
    (["--encoding", "integer"], "'integer' is not a choice"),
    (["--P-test", "0"], "P_test = 0"),
    (["--P-test", "82944"], "Use P_test <= 82938"),
    (["--P-test", "100000"], "P_test = 100000"),
    (["--learning-rate", "-1"], "learning_rate = -1"),
    (["--learning-rate", "nan"], "learning_rate = nan"),
    (["--stop-loss", "0"], "stop_loss = 0"),
    (["--max-epochs", "0"], "max_epochs = 0"),
    (["--momentum", "1"], "momentum = 1"),
    (["--batch-per-class", "0"], "batch_per_class = 0"),
    (["--stop-every", "0"], "stop_every = 0"),
    (["--sensitivity-inputs", "1"], "sensitivity_inputs = 1"),
]
BAD = [
    *((["sample", *arguments], said) for arguments, said in BAD_MODELS),
    (["sample", "--count", "0"], "count = 0"),
    (["sample", "--count", "82945", "--out", "x.npz"], "count = 82945"),
    (["sample", "--count", "20000"], "count = 20000"),
    (["sample", "--seed", "-1"], "seed = -1"),
    (["sample", "--out", "x.csv"], "out = 'x.csv'"),
    (["sample", "--out", "missing/x.npz"], "out = 'missing/x.npz'"),
    (["sample", "--out", "/proc/x.npz"], "out = '/proc/x.npz' cannot be written"),
    (["sample", "--out", "x" * 300 + ".npz"], "cannot be written"),
    (["sample", "--encoding", "ternary"], "ternary"),
    *((["run", *arguments], said) for arguments, said in BAD_MODELS + BAD_NETWORKS),
    (["run", "--P", "5"], "P = 5"),
    (["run", "--P", "82000"], "P = 82000"),
    (["run", "--seed", "-1"], "seed = -1"),
    (["run", "--budget", "0"], "budget = 0"),
    (["run", "--store", "."], "store = '.'"),
    (["run", "--store", "/proc/x/y.sqlite"], "store = '/proc/x/y.sqlite' cannot be written"),
    (["run", "--store", "x" * 300], "store = "),
    (["run", "--P-test", "82900"], "Use P <= 44"),
    *((["pstar", *arguments], said) for arguments, said in BAD_MODELS + BAD_NETWORKS),
    (["pstar", "--seeds", "0"], "seeds = 0"),
    (["pstar", "--start", "0"], "start = 0"),
    (["pstar", "--start", "1e9"], "start = 1"),
    (["pstar", "--workers", "0"], "workers = 0"),
    (["pstar", "--fix", "colour"], "colour"),
    (["pstar", "--search", "guess"], "guess"),
    (["pstar", "--store", "."], "store = '.'"),
    (["pstar", "--store", "/proc/x/y.sqlite"], "store = '/proc/x/y.sqlite' cannot be written"),
    (["pstar", "--store", "/dev/null"], "store = '/dev/null' is not a file"),
    (["demo", "--workers", "0"], "workers = 0"),
    (["demo", "--width", "0"], "width = 0"),
    (["demo", "--directory", "/proc/x"], "directory = '/proc/x' cannot be written"),
    ([], ""),
    (["dance"], "dance"),
]  # fmt: skip


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("arguments", "said"), BAD, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_bad_arguments_are_refused_before_anything_is_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str], said: str
) -> None:
    status, out, err = run(capsys, *arguments)
    assert status == 2
    assert out == ""
    assert said in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_is_left_alone(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name, arguments in (
        ("x.npz", ["sample", "--out", "x.npz"]),
        ("x.grammar.json", ["sample", "--out", "x.npz"]),
        ("demo", ["demo"]),
        ("file", ["run", "--store", "file/runs.sqlite"]),
    ):
        path = tmp_path / name
        path.write_text("mine")
        status, _, err = run(capsys, *arguments)
        assert status == 2 and name in err
        assert path.read_text() == "mine" and list(tmp_path.iterdir()) == [path]
        path.unlink()


@pytest.mark.parametrize("content", ["a note", "this is no database, and long enough for a header " * 20])
def test_a_file_that_is_no_store_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str
) -> None:
    (tmp_path / "other.sqlite").write_text(content)
    for command in ("run", "pstar"):
        status, out, err = run(capsys, command, "--store", "other.sqlite")
        assert (status, out) == (2, "")
        assert "store = 'other.sqlite' is not a store" in err and "Traceback" not in err
    assert (tmp_path / "other.sqlite").read_text() == content and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "command", [[], ["sample"], ["export-data"], ["run"], ["pstar"], ["theory"], ["demo"]]
)
def test_help_teaches(capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    status, out, _ = run(capsys, *command, "--help")
    assert status == 0
    assert "usage" in out
    expected = {
        "run": "sensitivities",
        "pstar": "90% t-interval",
        "sample": "hidden variables",
        "export-data": "Hugging Face",
        "demo": "index.html",
        "theory": "visible",
    }
    assert expected.get(command[0] if command else "", "pstar") in out


def docs_of(command: type) -> Iterator[str]:
    """Yield what describes the options of a command, as the source has it."""
    for part in (one.type for one in fields(command)):
        kind = get_args(part)[0] if get_origin(part) is Annotated else part
        if is_dataclass(kind):
            yield from docs_of(kind)
    parsed = ast.parse(textwrap.dedent(inspect.getsource(command))).body[0].body
    for option, doc in pairwise(parsed):
        if isinstance(option, ast.AnnAssign) and isinstance(doc, ast.Expr):
            yield doc.value.value


@pytest.mark.parametrize("command", COMMANDS)
def test_no_sentence_of_the_help_is_broken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """On a terminal wide enough, every description is one line."""
    monkeypatch.setenv("COLUMNS", "2000")
    status, out, _ = run(capsys, command, "--help")
    assert status == 0 and "None}" not in out and "(default: None)" not in out
    kind = COMMANDS[command].load()
    for paragraph in (*inspect.getdoc(kind).split("\n\n"), *docs_of(kind)):
        assert " ".join(paragraph.split()) in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["gird"],
            "'gird' is not a command. Did you mean 'grid'? Use one of demo, sample, export-data, run",
        ),
        (["trian"], "'trian' is not a command. Use 'run', as it is called now"),
        (["run", "grid.toml"], "Use 'srhm grid grid.toml' for a file of runs"),
        (["run", "--method", "adam"], "learning_rate = None is missing"),
        (["run", "--stop-excess", "0.1"], "stop_excess = 0.1 is of tasks that predict symbols"),
        (["run", "--net", "cn"], "Did you mean 'cnn'? Use one of cnn, lcn, fcn, vgg11, vgg16"),
        (["pstar", "--fix", "gramar"], "Did you mean 'grammar'? Use one of grammar, samples, network, order"),
        (
            ["figure", "4B", "--tier", "ful"],
            "Did you mean 'full'? Use one of laptop, narrow, narrowest, workstation, full",
        ),
        (
            ["run", "--encoding", "integer"],
            "'integer' is not a choice. Use 'whitened', 'onehot' or 'onehot_blank'",
        ),
        (["run", "--seed", "-1"], "seed = -1 is below 0. Use seed >= 0"),
        (
            ["pstar", "--start", "0.5"],
            "start = 0.5 is not between n_c = 6 and 72944, the most training points",
        ),
        (["run", "--shared-layers", "x"], "Use digits, such as 1, or 12 for the first two"),
        (
            ["run", "--shared-layers", "9"],
            "shared_layers = '9' are not layers from 1 to 2 in order. Use 1, 12, ...",
        ),
    ],
)
def test_mistakes_are_answered_in_the_words_of_the_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    status, out, err = run(capsys, *arguments)
    assert status == 2 and out == "" and said in err


def test_a_flag_says_what_it_does(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr("srhm.explore.app.serve", lambda _, port, browser: asked.append(browser))
    _, out, _ = run(capsys, "explore", "--help")
    assert re.search(
        r"--no-browser +Print the address of the page, and do not open it", " ".join(out.split())
    )
    assert run(capsys, "explore")[0] == run(capsys, "explore", "--no-browser")[0] == 0
    assert asked == [True, False]


def test_what_may_be_left_out_can_be_given(capsys: pytest.CaptureFixture[str]) -> None:
    for encoding in ("onehot", "integer", "None"):
        status, out, err = run(
            capsys, "sample", "--count", "1", "--n-c", "4", "--m", "None", "--encoding", encoding,
            *(() if encoding == "None" else ("--out", f"{encoding}.npz")),
        )  # fmt: skip
        assert (status, err) == (0, "") and "n_c=4" in out
    status, _, err = run(capsys, "sample", "--encoding", "onehot")
    assert status == 2 and "is of the file of --out. Give --out FILE.npz" in err


def test_theory_prints_the_predictions_of_the_library(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "theory", "--v", "6", "--s0", "1", "--json")
    content = json.loads(out)
    params = srhm.Params(n_c=6, v=6, m=6, s=2, s0=1, L=2)
    assert status == 0 and content["P_max"] == params.P_max and content["relevant_fraction"] == 0.25
    for one in content["predictions"]:
        found = predict(one["net"], params)
        assert (one["P_star"], one["scaling_law"], tuple(one["range"])) == (
            found.P_star,
            found.scaling_law,
            found.interval,
        )
        assert tuple(one["assumptions"]) == found.assumptions
    assert content["visible_P"]["features, at each place"] == pytest.approx(1176)
    status, out, _ = run(capsys, "theory", "--v", "6", "--s0", "0")
    assert status == 0 and "Eq. 3" in out and "visible from P" in out
    assert "(above P_max)" in out, "the FCN cannot learn 1,296 data from more"
    assert all(sentence in out for sentence in predict("fcn", params).assumptions)
    status, out, err = run(capsys, "theory", "--v", "1")
    assert (status, out) == (2, "") and "v = 1" in err


def test_numbers_of_thousands_of_digits_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """P_max has 7,399 digits here, and Python writes integers of up to 4,300."""
    model = ("--n_c", "16", "--v", "16", "--m", "8", "--s0", "0", "--L", "13")
    status, out, _ = run(capsys, "theory", *model)
    assert status == 0 and "P_max = 2.6e7398" in out
    status, out, _ = run(capsys, "theory", *model, "--json")
    assert status == 0 and json.loads(out)["P_max"] == "2.6e7398"
    status, out, _ = run(capsys, "sample", "--count", "1", *model)
    assert status == 0 and "P_max = 2.6e7398" in out


def test_diffusion_prints_the_changes_of_the_library(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    model = ["--v", "4", "--m", "2", "--s0", "1", "--L", "2"]
    scan = ["--strengths", "3", "--low", "0.2", "--high", "0.8", "--count", "8", "--seed", "3"]
    status, out, _ = run(capsys, "diffusion", *model, *scan, "--json", "--out", str(tmp_path / "fig"))
    assert status == 0 and {one.name for one in tmp_path.iterdir()} == {"fig.pdf", "fig.png"}
    content = json.loads(out)
    params = srhm.Params(n_c=4, v=4, m=2, s=2, s0=1, L=2)
    stream = srhm.Stream(srhm.Grammar(params, 3), 3, "replacement")
    data = srhm.Dataset.draw(stream, 8)
    row, found = content["strengths"][1], forward_backward(data, BeliefNoise(0.5))
    assert row["strength"] == 0.5 and row["susceptibility"] == pytest.approx(found.susceptibility)
    assert row["places_lost"] == pytest.approx(1 - found.places_kept)
    assert row["changed"][-1] == pytest.approx(found.changed[-1])
    assert content["predicted"]["epsilon"] == pytest.approx(srhm.theory.belief_transition(params).epsilon)
    status, out, _ = run(capsys, "diffusion", *model, *scan, "--noise", "masking", "--draws", "2")
    assert status == 0 and "recursion" not in out and "place 2" in out
    status, out, _ = run(capsys, "diffusion", *model, *scan, "--rule-weights", "zipf(1)")
    assert status == 0 and "recursion" not in out, "it knows even rules alone"
    few = "--low", "0.00001", "--high", "0.00003", "--strengths", "3"
    strengths = json.loads(run(capsys, "diffusion", *model, *few, "--json")[1])["strengths"]
    assert [one["strength"] for one in strengths] == [0.00001, 0.00002, 0.00003]
    status, out, _ = run(capsys, "diffusion", *model, "--low", "0", "--high", "1e-9", "--strengths", "2")
    assert status == 0 and "the susceptibility is largest" not in out, "where nothing changes"
    (tmp_path / "file").touch()
    within_a_file = str(tmp_path / "file" / "fig")
    for given, said in (
        (("--low", "0.5", "--high", "0.4"), "Use 0 <= low < high <= 1"),
        (("--draws", "2"), "belief noise draws nothing. Leave it out"),
        (("--out", within_a_file), within_a_file),
    ):
        status, out, err = run(capsys, "diffusion", *model, *given)
        assert (status, out) == (2, "") and said in err, given


def test_theory_of_a_deep_model(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing that grows with the input is made: it has 4^12 positions and 2^12 slots."""
    status, out, _ = run(capsys, "theory", "--L", "12", "--json")
    found = json.loads(out)["visible_P"]
    assert status == 0 and found["features, at each place"] == pytest.approx(
        6 * 6**12 * 2**12 * (7 / 6) ** 12
    )


def test_sample_prints_the_data_of_the_library(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "sample", "--v", "4", "--s0", "1", "--count", "9", "--seed", "5", "--json")
    content = json.loads(out)
    params = srhm.Params(n_c=4, v=4, m=4, s=2, s0=1, L=2)
    data = srhm.Dataset.draw(srhm.Stream(srhm.Grammar(params, 5), 5), 9)
    assert status == 0 and content["P_max"] == params.P_max
    assert content["labels"] == data.labels.tolist()
    assert content["inputs"] == data.encode("integer", np.int64).tolist()


def test_sample_prints_pictures(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("sample", "--v", "3", "--m", "2", "--s", "4", "--s0", "3,0", "--plane", "--count", "2")
    params = srhm.Params(v=3, m=2, s=4, s0=(3, 0), L=2, plane=True)
    data = srhm.Dataset.draw(srhm.Stream(srhm.Grammar(params, 0), 0), 2)
    content = json.loads(run(capsys, *options, "--json")[1])
    assert content["params"]["plane"] is True and content["inputs"] == data.encode("integer").tolist()
    status, out, _ = run(capsys, *options)
    assert status == 0 and "inputs of 8 x 8 positions" in out
    first = [[int(one.replace(".", "-1")) for one in line.split()] for line in out.splitlines()[3:11]]
    assert first == content["inputs"][0]
    status, _, err = run(capsys, "sample", "--plane")
    assert status != 0 and "s = 2 is not a square" in err


def test_sample_saves_all_hidden_variables(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, *_ = run(capsys, "sample", "--v", "4", "--count", "50", "--encoding", "integer", "--out", "x.npz")
    assert status == 0
    grammar = srhm.Grammar.load(tmp_path / "x.grammar.json")
    with np.load(tmp_path / "x.npz", allow_pickle=False) as saved:
        parsed = srhm.parse(grammar, saved["inputs"].astype(np.int64))
        assert (parsed.label == saved["labels"]).all()
        for level in (1, 2):
            assert (parsed.rules[level - 1] == saved[f"rules_{level}"]).all()
            assert (parsed.placements[level - 1] == saved[f"placements_{level}"]).all()


def test_data_are_saved_without_a_dense_grid(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(srhm.Dataset, "encode", lambda *_: pytest.fail("it takes 8 d bytes a datum"))
    assert run(capsys, "sample", "--count", "50", "--out", "x.npz")[0] == 0


@pytest.mark.parametrize("when", ["numpy.savez_compressed", "srhm.Grammar.save", "srhm.Dataset.derivation"])
def test_ctrl_c_while_data_are_saved_leaves_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    def interrupted(first: Any, *_: Any, **__: Any) -> None:
        if when == "numpy.savez_compressed":
            first.write(b"half of the ")
        raise KeyboardInterrupt

    monkeypatch.setattr(when, interrupted)
    status, out, err = run(capsys, "sample", "--out", "x.npz")
    assert (status, out) == (130, "")
    assert "interrupted. Nothing was written." in err and "same command" not in err
    assert list(tmp_path.iterdir()) == []


def test_the_home_is_put_into_every_path(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `--store=~/x` the shell leaves it to the program."""
    home, away = tmp_path / "home", tmp_path / "away"
    home.mkdir(), away.mkdir()
    Store(home / "runs.sqlite").put(fake_run(SPEC))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(away)
    Path(home, "GRID.toml").write_text(
        "[[runs]]\nnet = 'cnn'\nv = 3\nP = 20\nP_test = 9\nwidth = 2\nmax_epochs = 1\n"
    )
    for command in (
        ["sample", "--out=~/x.npz"],
        ["grid", "~/GRID.toml", "--store=~/runs.sqlite", "--plan"],
        ["status", "~/runs.sqlite"],
        ["export", "~/table.jsonl.xz", "--store=~/runs.sqlite"],
        ["merge", "~/merged.sqlite", "~/runs.sqlite", "~/table.jsonl.xz"],
        ["export-data", "~/data", "--P=8", "--P_test=8", "--format=numpy"],
    ):
        status, _, err = run(capsys, *command)
        assert status == 0, err
    assert not list(away.iterdir())
    names = {"x.npz", "runs.sqlite", "table.jsonl.xz", "merged.sqlite", "data"}
    assert names <= {path.name for path in home.iterdir()}


@pytest.mark.parametrize("columns", ["1", "5"])
def test_help_ends_in_narrow_terminals(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    status, out, _ = run(capsys, "sample", "--help")
    assert status == 0 and "--count" in out
    assert os.environ["COLUMNS"] == columns


@pytest.mark.parametrize(
    "command", ["--help", "sample", "sample --help", "export-data --help", "explore --help"]
)
def test_a_light_command_imports_nothing_heavy(tmp_path: Path, command: str) -> None:
    """JAX, SQLAlchemy and Matplotlib take a second or two, which nobody waits for to read what there is."""
    code = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print(*sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr))\n"
        f"from srhm.cli import console\nsys.argv = ['srhm', *{command.split()!r}]\nconsole()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "\n") and done.stdout


def test_the_list_of_commands_says_what_their_help_does(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "2000")
    listed = run(capsys, "--help")[1]
    for word, command in COMMANDS.items():
        summary = command.summary()
        assert re.search(rf"{word} +{re.escape(summary)} ", listed), word
        assert run(capsys, word, "--help")[1].split("\n\n")[1] == summary


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version") == (0, f"srhm {srhm.__version__}\n", "")
    done = subprocess.run(
        [sys.executable, "-m", "srhm", "--version"], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"srhm {srhm.__version__}\n", "")


def test_windows_is_refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    status, out, err = run(capsys, "sample")
    assert (status, out) == (1, "") and len(err.splitlines()) == 1
    assert "Windows is not supported" in err and "wsl --install" in err


def test_a_reader_that_has_seen_enough_ends_it_quietly() -> None:
    command = [sys.executable, "-m", "srhm.cli", "sample", "--count", "10000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    assert b"P_max" in process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) == 141


class Oracle:
    """Stands in for training: the error falls through 10% at P = 300, and no run converges if told so."""

    def __init__(self, status: str = "converged") -> None:
        self.status = status

    def __call__(self, content: str) -> str:
        run = RunJob.from_dict(json.loads(content)).spec
        error = 0.2 / (1 + (run.P / 300) ** 3)
        metrics = {"error": error, "S_21": error, "D_21": error, "epochs": 7}
        return finished(Run(run, self.status, metrics, [], {"train": 1.0, "sensitivities": 0.1}, {}, "cpu"))


@pytest.mark.parametrize(
    ("options", "search"),
    [
        ([], "bisection"),
        (["--protocol", "published"], "nearest_grid"),
        (["--protocol", "published", "--search", "bisection"], "bisection"),
        (["--search", "nearest_grid"], "nearest_grid"),
    ],
)
def test_the_published_protocol_takes_the_published_rule(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, options: list[str], search: str
) -> None:
    monkeypatch.setattr("srhm.runner.executors.execute_job", Oracle())
    status, out, _ = run(capsys, "pstar", "--seeds", "1", "--json", *options)
    content = json.loads(out)
    assert status == 0 and content["search"] == search
    if search == "nearest_grid":
        assert content["runs"] == 15
        assert any(content["P_star"] == pytest.approx(point["P"]) for point in content["points"])


def test_what_is_on_or_off_is_a_plain_flag(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("srhm.runner.executors.execute_job", Oracle())
    names = ("cumulative", "probe", "replacement")
    for given in ([], [f"--{name}" for name in names]):
        status, out, _ = run(capsys, "pstar", "--seeds", "1", "--json", *given)
        options = json.loads(out)["options"]
        assert status == 0 and [options[name] for name in names] == [bool(given)] * len(names)
    for name in names:
        status, out, err = run(capsys, "run", f"--{name}", "True")
        assert (status, out) == (2, "") and "True" in err


def test_what_the_published_protocol_turns_on_can_be_turned_off(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("srhm.runner.executors.execute_job", Oracle())
    for off, replacement, cumulative in (
        ([], True, True),
        (["--no-replacement"], False, True),
        (["--no-cumulative", "--replacement"], True, False),
    ):
        command = ["pstar", "--seeds", "1", "--json", "--protocol", "published", *off]
        status, out, _ = run(capsys, *command, "--store", f"{len(off)}{replacement}.sqlite")
        options = json.loads(out)["options"]
        assert status == 0 and (options["replacement"], options["cumulative"]) == (replacement, cumulative)
        assert (options["batches"], options["stop_every"]) == ("fixed", 10)


def test_runs_that_did_not_converge_are_counted_and_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("srhm.runner.executors.execute_job", Oracle("epochs"))
    command = ["pstar", "--seeds", "1"]
    content = json.loads(run(capsys, *command, "--json")[1])
    assert content["status"] == "bracketed" and content["unconverged"] == content["runs"] > 0
    text = run(capsys, *command)[1]
    assert f"Warning: {content['runs']} of {content['runs']} runs came to max_epochs = 10,000" in text
    monkeypatch.setattr("srhm.runner.executors.execute_job", Oracle())
    command += ["--store", "other.sqlite"]
    assert json.loads(run(capsys, *command, "--json")[1])["unconverged"] == 0
    assert "Warning" not in run(capsys, *command)[1]


@pytest.mark.long
def test_the_demonstration_prints_json_alone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("srhm.runner.executors.execute_job", Oracle("epochs"))
    status, out, err = run(capsys, "demo", "--workers", "1", "--json")
    table = json.loads(out)
    assert status == 0 and "index.html grows" in err
    assert [(row["network"], row["v"], row["s0"]) for row in table] == [
        ("LCN", 4, 1), ("CNN", 6, 0), ("CNN", 6, 1), ("CNN", 6, 2),
    ]  # fmt: skip
    assert all(row["P*"] == pytest.approx(300, rel=0.02) and row["unconverged"] > 0 for row in table)
    assert "Unconverged runs" in (tmp_path / "demo" / "index.html").read_text()


def test_the_demonstration_prints_its_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("srhm.runner.executors.execute_job", Oracle())
    monkeypatch.setattr("srhm.paper.demo._Show._write", lambda *_, **__: None)  # the figures take their time
    status, out, err = run(capsys, "demo", "--workers", "1")
    assert status == 0 and "measured, scaling law, published" in out and "CNN" in out
    assert "index.html grows" in err and "index.html" not in out and "nconverged" not in out


def test_train_reports_and_reads_the_run_back(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["run", "--P", "300", *SMALL, "--json"]
    status, out, _ = run(capsys, *arguments)
    first = json.loads(out)
    assert status == 0
    assert first["status"] == "converged" and first["train_loss"] < 0.02
    assert 0 <= first["test_error"] <= 2 / 3 and first["epochs"] >= 1
    assert set(first["S"]) >= {"11", "12", "21", "22", "31", "32"} and set(first["D"]) == set(first["S"])
    assert [path.name for path in (tmp_path / "srhm-runs").iterdir()] == ["runs.sqlite"]
    _, out, _ = run(capsys, *arguments)
    assert json.loads(out) == first  # wall times too: nothing was computed again
    _, text, _ = run(capsys, *arguments[:-1])
    assert "test error" in text and "layer 2" in text and "level 1" in text


def test_a_run_of_a_store_in_use_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    owned = Store("used.sqlite").own("another command", 1, 0)
    arguments = ["run", "--P", "300", *SMALL, "--store", "used.sqlite"]
    status, out, err = run(capsys, *arguments)
    owned.end()
    assert (status, out) == (1, "") and "used.sqlite is in use by another command (process " in err


def test_a_stopped_run_goes_on_to_the_same_result(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["run", "--P", "300", *SMALL, "--stop-loss", "0.0001", "--max-epochs", "150", "--json"]
    _, out, _ = run(capsys, *arguments, "--store", "whole.sqlite")
    whole = json.loads(out)
    _, out, _ = run(capsys, *arguments, "--store", "parts.sqlite", "--budget", "1e-9")
    assert json.loads(out)["status"] == "stopped" and len(Store("parts.sqlite")) == 0
    _, out, _ = run(capsys, *arguments, "--store", "parts.sqlite")
    parts = json.loads(out)
    assert parts["metrics"] == whole["metrics"]
    assert not (tmp_path / "parts-checkpoints").exists()


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.long)])
def test_a_killed_pstar_resumes_and_comes_to_the_same_answer(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, compiled_apart: dict[str, str], workers: str
) -> None:
    search = ["pstar", *SMALL, "--seeds", "2", "--json"]
    alone = [*search, "--workers", "1", "--store"]
    undisturbed = json.loads(run(capsys, *alone, "a.sqlite")[1])
    assert undisturbed["status"] == "bracketed"
    wanted = undisturbed["runs"] // 2
    killed = started(*search, "--workers", workers, "--store", "b.sqlite", **compiled_apart)
    wait_for_rows(killed, tmp_path / "b.sqlite", wanted)
    killed.kill()
    killed.communicate()
    finished = len(Store("b.sqlite"))
    assert wanted <= finished < undisturbed["runs"]
    wait_for_workers(killed.pid)
    resumed = json.loads(run(capsys, *alone, "b.sqlite")[1])
    assert resumed["computed"] == undisturbed["runs"] - finished  # nothing lost, nothing done twice
    for name in ("P_star", "interval", "runs", "points", "quantities"):
        assert resumed[name] == undisturbed[name]
    again = json.loads(run(capsys, *alone, "b.sqlite")[1])
    assert again["computed"] == 0 and again["P_star"] == undisturbed["P_star"]


@pytest.mark.parametrize("workers_are", ["starting", "computing"])
@pytest.mark.long
def test_ctrl_c_leaves_nothing_broken(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, compiled_apart: dict[str, str], workers_are: str
) -> None:
    search = ["pstar", *SMALL, "--seeds", "2", "--json", "--store", "c.sqlite"]
    process = started(*search, "--workers", "2", **compiled_apart)
    if workers_are == "starting":
        wait_for_a_child(process.pid)
    else:
        wait_for_rows(process, tmp_path / "c.sqlite", 1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
    out, err = ended(process)
    assert process.returncode == 130, err
    assert out == "" and "the same command resumes" in err and "Traceback" not in err
    wait_for_workers(process.pid)
    assert workers_are == "starting" or len(Store("c.sqlite")) >= 1
    assert json.loads(run(capsys, *search, "--workers", "1")[1])["P_star"]
    assert [path.name for path in tmp_path.iterdir()] == ["c.sqlite"]


COMPILES = """
import threading, time
import jax
import srhm.cli

def compile(x):
    for number in range(200):
        x = jax.numpy.sort(jax.numpy.sin(x) * number)
    return x

def main():
    work = jax.jit(compile).lower(jax.numpy.ones(9))
    threading.Thread(target=work.compile, daemon=True).start()
    time.sleep(1)
    print("interrupted amid it")
    raise SystemExit(status)

srhm.cli.main = main
srhm.cli.console()
"""


def test_an_interrupted_command_ends_while_jax_compiles() -> None:
    """Python's own end crashes then."""
    environment = os.environ | {"JAX_ENABLE_COMPILATION_CACHE": "false"}
    ended = subprocess.run(
        [sys.executable, "-c", f"status = {INTERRUPTED}\n{COMPILES}"],
        capture_output=True, text=True, env=environment,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "interrupted amid it\n", "")


@pytest.mark.parametrize("first", ["measure", "store"])
def test_ctrl_c_after_training_does_not_lose_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """A long run is kept until its row is in the store, whatever is interrupted before."""

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    arguments = ["run", "--P", "300", *SMALL, "--json"]
    monkeypatch.setattr(Checkpoint, "due", lambda self: True)  # as if every run were long
    with monkeypatch.context() as patch:
        patch.setattr(
            "srhm.runner.execution.sensitivities" if first == "measure" else "srhm.store.Store.put_many",
            interrupted,
        )
        status, out, err = run(capsys, *arguments)
    assert status == 130 and out == "" and "resumes" in err
    (checkpoint,) = (tmp_path / "srhm-runs" / "runs-checkpoints").iterdir()
    assert checkpoint.stat().st_size > 0
    monkeypatch.setattr("srhm.training.run.SingleRun._call", lambda *_: pytest.fail("it trains again"))
    status, out, _ = run(capsys, *arguments)
    assert status == 0 and json.loads(out)["status"] == "converged"
    assert [path.name for path in (tmp_path / "srhm-runs").iterdir()] == ["runs.sqlite"]
