"""The command `srhm sample`."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ArgumentError, check_integer, in_short
from ..files import atomic_file, check_output
from ..model.dataset import Dataset
from ..model.encoding import Encoding
from ..model.grammar import Grammar
from ..model.options import Model, Weighting
from ..model.stream import Stream, default_rule
from .options import ModelOptions, WeightOptions
from .printing import as_json, print_result


@dataclass(frozen=True)
class SampleCommand:
    """Draw data and show or save them, with all hidden variables.

    Without --out the first data are printed, a line each: the class and the input, a dot for each blank. With --plane
    an input is a picture of several lines.
    With --out FILE.npz the arrays are saved: labels, features and positions of the informative leaves, the rule
    choices and placements of every level, and the dense inputs if --encoding is given; the rules go to
    FILE.grammar.json next to it.
    """

    model: ModelOptions = field(default_factory=Model)
    weights: WeightOptions = field(default_factory=Weighting)
    count: int = 10
    """Number of data."""
    seed: int = 0
    """Seed of rules and data."""
    encoding: Encoding | None = None
    """Also save dense inputs: whitened, onehot, onehot_blank or integer."""
    out: Path | None = None
    """File to write, ending in .npz. An existing one is not replaced."""
    json: bool = False
    """Print JSON: model, P_max (as text above 4300 digits), and the data."""

    def run(self) -> None:
        """Draw and show."""
        params = self.model.params()
        weights = self.weights.of(params)
        check_integer("count", self.count, minimum=1, maximum=2**31 - 1)
        if self.out is not None:
            _check_new_file(self.out)
        elif self.encoding is not None:
            fix = "Give --out FILE.npz, or leave it out"
            raise ArgumentError("encoding", self.encoding, "is of the file of --out", fix)
        elif self.count > 10_000:
            raise ArgumentError("count", self.count, "is much to print", "Save the data with --out FILE.npz")
        grammar = Grammar(params, self.seed, **weights)
        rule = default_rule(grammar)
        stream = Stream(grammar, self.seed, rule)
        data = Dataset.draw(stream, self.count)
        if self.out is not None:
            _save_data(self.out, data, self.encoding)
        # The dense grid is for the eye alone: it takes d numbers a sample where the data take a few bytes.
        grid = [] if self.out is not None else data.encode("integer", "int64").tolist()
        if self.json:
            content = {
                "params": params.to_dict(),
                "P_max": as_json(params.P_max),
                "rule": rule,
                "seed": self.seed,
            }
            content |= {"out": None if self.out is None else str(self.out)}
            if self.out is None:
                content |= {"labels": data.labels.tolist(), "inputs": grid}
            print_result(json.dumps(content))
            return
        lines = [
            f"{params}: inputs of {' x '.join(map(str, params.shape))} positions, P_max = {in_short(params.P_max, ',')}"
        ]
        if self.out is not None:
            lines.append(f"wrote {self.count:,} data to {self.out}, rules to {_grammar_path(self.out)}")
        for label, symbols in zip(data.labels, grid, strict=False):
            if params.plane:
                lines += ["", f"class {label}:", *map(_line, symbols)]
            else:
                lines.append(f"class {label}:  {_line(symbols)}")
        print_result("\n".join(lines))


def _line(symbols: list[int]) -> str:
    return " ".join("." if feature < 0 else str(feature) for feature in symbols)


def _grammar_path(out: Path) -> Path:
    return out.with_suffix(".grammar.json")


def _check_new_file(out: Path) -> None:
    if out.suffix != ".npz":
        raise ArgumentError("out", str(out), "does not end in .npz", "Name a file such as data.npz")
    check_output("out", out)
    for path in (out, _grammar_path(out)):
        if path.exists():
            raise ArgumentError("out", str(path), "exists already", "Name a new file, or delete this one")
    if not out.absolute().parent.is_dir():
        raise ArgumentError("out", str(out), "lies in a folder that does not exist", "Make the folder first")


def _save_data(out: Path, data: Dataset, encoding: Encoding | None) -> None:
    import numpy as np

    derivation = data.derivation()
    arrays = {"labels": data.labels, "features": data.features, "positions": data.positions}
    for level in range(1, data.params.L + 1):
        arrays[f"rules_{level}"] = derivation.rules[level - 1]
        arrays[f"placements_{level}"] = derivation.placements[level - 1]
    if encoding is not None:
        arrays["inputs"] = data.encode(encoding)
    rules = _grammar_path(out)
    try:
        with atomic_file(out) as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
            data.stream.grammar.save(rules)
    except BaseException:
        rules.unlink(missing_ok=True)  # data without rules and rules without data are of no use
        raise
