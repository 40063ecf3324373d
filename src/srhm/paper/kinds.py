"""What a figure of the paper is: its settings, and how they are drawn. Plain data: paper/drawings.py draws it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from ..model.params import Params
from ..nets import predict
from ..study import Setup

Panels = Mapping[str, Sequence[Setup]]
"""The settings of each panel, by its title."""


def by_network(settings: Sequence[Setup]) -> Panels:
    """Return a panel for each network."""
    labels = dict.fromkeys(one.net.row.label for one in settings)
    return {label: [one for one in settings if one.net.row.label == label] for label in labels}


def scaling_law(setup: Setup) -> float:
    """Return what P* should be proportional to."""
    return predict(setup.net, setup.params).scaling_law


def scaling_law_label(setup: Setup) -> str:
    """Return the formula of the scaling law."""
    return f"scaling law {predict(setup.net, setup.params).symbols}"


class FigureKind:
    """How a figure is drawn, and so what is run for it."""

    searches: ClassVar[bool] = False
    """Whether P* is searched for its settings."""
    senses: ClassVar[bool] = False
    """Whether P*_S and P*_D are searched too."""
    curved: ClassVar[bool] = False
    """Whether it draws whole curves, which take runs far from P* too."""


@dataclass(frozen=True)
class Complexity(FigureKind):
    """P* over what it should be proportional to; a network with options of its own has no published value."""

    searches = True
    panels: Callable[[Sequence[Setup]], Panels] = by_network
    """Which settings are drawn in which panel."""
    x: Callable[[Setup], float] = scaling_law
    """The horizontal axis."""
    x_label: Callable[[Setup], str] = scaling_law_label
    """Its label, for the first setting of a panel."""
    every_replicate: bool = False
    """Whether the slope is fitted to P* of every replicate, or else to their mean at each setting."""
    slope: Callable[[Setup], float | None] = lambda one: 1.0
    """The slope that a law predicts in a panel, of its last setting; None: no line."""
    relative: bool = False
    """Whether P* is drawn over the published one."""


class Insensitivity(FigureKind):
    """P* against P*_S and P*_D."""

    searches = senses = True


class Tabulated(FigureKind):
    """P*, P*_S and P*_D in a table alone."""

    searches = senses = True


@dataclass(frozen=True)
class Curves(FigureKind):
    """Quantities over P, a line for each network."""

    curved = True
    quantities: tuple[str, ...] = ("error",)
    """A panel each."""
    compared: bool = True
    """Whether the paper's points and P* are drawn too."""


@dataclass(frozen=True)
class Rescaled(FigureKind):
    """Quantities over P divided by a scale, a line for each s0 and L."""

    curved = True
    rows: tuple[tuple[str | None, ...], ...]
    """The quantities of each row of panels; None leaves a place empty."""
    over: Literal["both", "rescaled"]
    """Whether they are drawn over P too."""
    scale: Callable[[Setup], float]
    """What P is divided by."""
    x_label: Callable[[Setup], str]
    """The label of the horizontal axis, for the first setting."""


@dataclass(frozen=True)
class Against(FigureKind):
    """Test error over S and D of a layer."""

    curved = True
    layer: int
    """0 for the output, -1 for the last layer before it; of a standard architecture the recorded nodes."""
    where: str
    """That layer in words."""


@dataclass(frozen=True)
class Illustration(FigureKind):
    """The first sample of a model, with its rules or under networks; it needs no runs."""

    drawing: Literal["generative_model", "network_schemes"]
    """Which."""
    params: Params
    """The parameters of the model."""


class Map(FigureKind):
    """Eq. 5 over dimension and relevant fraction; it needs no runs."""


@dataclass(frozen=True)
class PaperFigure:
    """One figure: what is drawn, and of what."""

    name: str
    """Its number, as ``"4B"``; ours have words."""
    kind: FigureKind
    """How it is drawn."""
    title: str
    """What it shows, in a line."""
    settings: tuple[Setup, ...] = ()
    """Its points or curves."""
    stand_in: tuple[Setup, ...] = ()
    """What is run in their place at the laptop tier, where all of them cost too much."""
    P: tuple[int, ...] = ()
    """Training points, where the figure fixes them; else they follow from P*."""
    stand_in_P: tuple[int, ...] = ()
    """Those of the laptop tier."""
    causes: bool = False
    """Whether it tests why a published value differs from ours; then P*_S and P*_D are searched too."""

    @property
    def in_paper(self) -> bool:
        """Whether the paper has it."""
        return self.name[0].isdigit()

    @property
    def senses(self) -> bool:
        """Whether P*_S and P*_D are searched for its settings, besides P*."""
        return self.kind.senses or self.causes

    @property
    def heading(self) -> str:
        """Its name over panels that say the rest; of one that is not in the paper what it shows."""
        return f"Figure {self.name}" if self.in_paper else self.title

    @property
    def full_heading(self) -> str:
        """Its name and what it shows."""
        return f"{self.heading}: {self.title}" if self.in_paper else self.heading
