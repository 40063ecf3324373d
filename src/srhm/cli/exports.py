"""The command `srhm export-data`."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import tyro

from ..errors import ArgumentError, check_integer
from ..exports import Part, export
from ..exports.plan import Format
from ..exports.run import MANIFEST
from ..model.catalogue import load
from ..model.encoding import Encoding
from ..model.grammar import Grammar
from ..model.options import Model, Weighting
from ..model.splitting import split_streams
from .options import ModelOptions, WeightOptions
from .printing import print_result


@dataclass(frozen=True)
class ExportDataCommand:
    """Write data for other programs: Parquet, NumPy or a Hugging Face folder, with all hidden variables.

    The folder gets a training and a test set, in shards, the production rules, and a manifest that says how the same
    data are drawn again. The same command resumes an export that was interrupted.
    """

    folder: tyro.conf.Positional[Path]
    """A new or empty folder, or that of the same export."""
    model: ModelOptions = field(default_factory=Model)
    weights: WeightOptions = field(default_factory=Weighting)
    instance: str | None = None
    """A named instance, such as srhm-L2-v10-s02-A, in place of a model; its test set is fixed."""
    format: Format = "parquet"
    """parquet; numpy: a .npy file for each column; hugging_face: Parquet with a dataset card."""
    P: int = 10_000
    """Training points."""
    P_test: int | None = None
    """Test points. Default: min(10000, P_max/5)."""
    seed: int = 0
    """Seed of rules and data; of an instance, its training set, 0 to 7."""
    replacement: bool = False
    """Draw points with replacement, within and across training and test set."""
    encoding: Encoding | None = None
    """Also write dense inputs: whitened, onehot, onehot_blank or integer."""
    shard_size: int | None = None
    """Samples of a shard. Default: as many as make about 256 MiB before compression."""

    interrupted: ClassVar[str] = "Finished shards are kept; the same command resumes."

    def run(self) -> None:
        """Write."""
        parts = self._of_model() if self.instance is None else self._of_instance(self.instance)
        options = {"encoding": self.encoding, "shard_size": self.shard_size}
        progress = _report if sys.stderr.isatty() else None
        manifest = export(self.folder, parts, self.format, **options, progress=progress)
        size = sum(one["bytes"] for one in manifest["files"].values())
        counts = ", ".join(f"{part.count:,} {name}" for name, part in parts.items())
        print_result(f"wrote {counts} data to {self.folder}: {len(manifest['files'])} files, {size:,} bytes")
        print_result(f"how they were drawn: {self.folder / MANIFEST}")

    def _of_model(self) -> dict[str, Part]:
        from ..study.setup import default_test_points  # JAX takes a second to import

        params = self.model.params()
        P_test = default_test_points(params) if self.P_test is None else self.P_test
        grammar = Grammar(params, self.seed, **self.weights.of(params))
        train, test, _ = split_streams(grammar, self.P, P_test, self.seed, replacement=self.replacement)
        return {"train": Part(train, self.P), "test": Part(test, P_test)}

    def _of_instance(self, name: str) -> dict[str, Part]:
        try:
            task = load(name)
        except ArgumentError as error:
            raise error.renamed({"name": "instance"}) from None
        for option, given in (
            ("model", self.model != Model()),
            ("weights", self.weights != Weighting()),
            ("P_test", self.P_test is not None),
            ("replacement", self.replacement),
        ):
            if given:
                left = {"model": "the parameters of a model", "weights": "the weights"}.get(option, option)
                fix = f"Leave out {left}, or --instance"
                raise ArgumentError(option, getattr(self, option), f"is fixed by the instance {name}", fix)
        start = task.train_start(self.seed)
        check_integer("P", self.P, minimum=1, maximum=task.pool - start)
        return {"train": Part(task.stream, self.P, start), "test": Part(task.test_stream, task.P_test)}


def _report(done: int, total: int) -> None:
    print(f"{done:,} of {total:,} data", file=sys.stderr, flush=True)
