"""The options of a model and of a network, as the command line and files of runs name them."""

from dataclasses import asdict, dataclass
from typing import Literal

from ..errors import ArgumentError, check_choice
from ..model.encoding import Dense
from ..model.params import Params, Sparsity
from ..nets import Bias, Init, NetName, Variant
from ..training.protocol import Batches, Protocol, Report
from .runs import RunSpec, Seeds


@dataclass(frozen=True)
class Model:
    """The numbers of the model."""

    v: int = 6
    """Features of each level."""
    n_c: int | None = None
    """Classes. Default: v, as in the paper."""
    m: int | None = None
    """Synonyms of each feature. Default: v^(s-1), the most there can be."""
    s: int = Params.s
    """Informative children of a feature."""
    s0: int = 1
    """Blanks beside each informative child."""
    L: int = 2
    """Levels."""
    sparsity: Sparsity = "A"
    """A: each child in its own sub-patch of s0+1 places. B: any s of the s(s0+1) places, order kept."""

    def params(self) -> Params:
        """Return the checked numbers."""
        return Params(**{name: value for name, value in asdict(self).items() if value is not None})


@dataclass(frozen=True)
class Network:
    """The network and its training."""

    net: NetName = "cnn"
    """cnn, lcn or fcn, or one of the common networks vgg11, vgg16, resnet18, resnet34, efficientnetb0."""
    width: int | None = None
    """Channels of a hidden layer; 512 (fcn at L=3: 256) unless given. The channels of a common network are its usual
    ones times width/64."""
    bias: Bias = "position"
    """Biases of the cnn: one for each position (published), shared, or none."""
    init: Init = "normal"
    """Hidden weights at the start: N(0,1), or all 1 (hom). The common networks start as in PyTorch."""
    shared_layers: str = ""
    """Layers of the cnn or lcn whose weights are shared over the s0+1 places of a sub-patch, by number: 1, or 12
    for the first two."""
    frozen_layers: str = ""
    """Layers of the cnn, lcn or fcn that are not trained, by number (L+1: the readout): 2, or 12 for the
    first two."""
    variant: Variant = "usual"
    """A common network as it is usually defined, or as the published code ran it: a ResNet with a pool of 4 that
    drops the last place, EfficientNetB0 without drop-connect."""
    encoding: Dense = "whitened"
    """How inputs are written."""
    P_test: int | None = None
    """Test points; min(10000, P_max/5) unless given."""
    protocol: Literal["default", "published"] = "default"
    """published turns on all that the published code does differently: repeats, fixed batches, the stop rule
    every 10 epochs, best error and weights, cumulative sensitivities, and in pstar P* at the nearest point of a
    grid (--search). The next options set each alone."""
    repeats: bool | None = None
    """Draw points with repeats, within and across training and test set."""
    batches: Batches | None = None
    """Batches formed anew every epoch, or fixed once."""
    report: Report | None = None
    """Error and sensitivities of the final network, or of the best over the looks."""
    stop_every: int | None = None
    """Apply the stop rule at multiples of this epoch."""
    cumulative: bool | None = None
    """Sensitivities that re-draw all levels 1 to l."""
    sensitivity_inputs: int | None = None
    """Test inputs for the sensitivities."""
    learning_rate: float | None = None
    """Rate of SGD divided by the width; from the published table unless given."""
    stop_loss: float | None = None
    """Training ends when an epoch's mean loss is below this; 1e-3 (fcn, vgg and resnet 1e-2) unless given."""
    max_epochs: int | None = None
    """Training ends here at the latest; 10000 (common networks 250) unless given."""
    batch_per_class: int | None = None
    """Points of each class in a batch."""
    momentum: float | None = None
    """Momentum of SGD."""
    record: bool = False
    """Keep loss and test error at log-spaced steps."""
    probe: bool = False
    """Measure too what linear probes read from each layer, and whether its clusters are the synonyms."""

    def spec(self, params: Params, P: int, seeds: Seeds) -> RunSpec:
        """Return the checked run."""
        check_choice("protocol", self.protocol, ("default", "published"), "is not known")
        base = Protocol.published(params) if self.protocol == "published" else Protocol()
        given = {name: getattr(self, name) for name in asdict(base) if getattr(self, name, None) is not None}
        protocol = Protocol(**(asdict(base) | given))
        shared, frozen = (
            _layers("shared_layers", self.shared_layers, params.L),
            _layers("frozen_layers", self.frozen_layers, params.L + 1),
        )
        options = self.encoding, self.bias, self.init, self.record, shared, self.variant, self.probe, frozen
        return RunSpec(params, self.net, P, self.width, self.P_test, seeds, protocol, *options)


def _layers(name: str, digits: str | int, last: int) -> tuple[int, ...]:
    """Return the layers that a word names, one digit each, in order."""
    digits = str(digits)
    if list(digits) != sorted(set(digits) & set("123456789"[:last])):
        problem = f"is not a row of numbers of layers from 1 to {last}, in order"
        raise ArgumentError(name, digits, problem, "Use digits, such as 1, or 12 for the first two")
    return tuple(int(digit) for digit in digits)
