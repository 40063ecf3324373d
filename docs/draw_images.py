"""Draw the figures of docs/images.md: deformed images, and the test error against the relative stability.

Usage: python docs/draw_images.py [FOLDER]; reads results/images.json, bridge.json and laptop.jsonl.xz, and
Fashion-MNIST from its files in FOLDER (default: where Debian puts them). Writes images_deformed.png,
images_errors.png and images_bridge.png.
"""

import sys
from pathlib import Path

import numpy as np
from image_numbers import NAMES, PUBLISHED, bridge, in_words, paths, sets
from matplotlib.lines import Line2D

from srhm.figures.against import NetworkRun
from srhm.figures.marks import look_of_nets
from srhm.figures.style import (
    BLACK,
    BLUE,
    BROWN,
    DOUBLE_COLUMN,
    GREEN,
    MUTED,
    ORANGE,
    PINK,
    SKY,
    VERMILLION,
    log_axis,
    log_range,
    panel_grid,
    panel_letters,
    render,
    styled,
)
from srhm.images import Deformation, digits, fashion_mnist
from srhm.images.data import FASHION_MNIST
from srhm.images.stability import noise
from srhm.paper.drawings import network_runs
from srhm.paper.figures import FIGURES
from srhm.paper.tiers import TIERS, study_of
from srhm.store.archive import read_archive
from srhm.store.index import RunIndex

HERE = Path(__file__).parent


@styled
def deformed(folder: str):
    """Images, deformed by more and more, and with noise of the norm of one of the deformations."""
    clothes, numerals = fashion_mnist(folder).test.images, digits().test.images
    figure, panels = panel_grid(24, 6, DOUBLE_COLUMN, 1.02, more=0.3)
    # Each row is one field, larger and larger.
    rows = [(clothes[0], (0.5, 1.0, 2.0, 2.9)), (clothes[23], (0.5, 1.0, 2.0, 2.9))]
    rows += [(numerals[3], (0.5, 0.6, 0.7, 0.8)), (numerals[6], (0.5, 0.6, 0.7, 0.8))]
    for row, (image, sizes) in enumerate(rows):
        shown = [("original", image)]
        for size in sizes:
            moved = Deformation(c=3, delta=size)(image[None], seed=row)[0]
            shown.append((f"$\\delta$ = {size:g}", moved))
        as_noise = Deformation(c=3, delta=sizes[1])(image[None], seed=row) - image
        shown.append((f"noise as $\\delta$ = {sizes[1]:g}", (image + noise(as_noise, row, 0))[0]))
        for (title, picture), panel in zip(shown, panels[6 * row : 6 * row + 6], strict=True):
            panel.imshow(picture[0], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            panel.set_axis_off()
            if row in (0, 2):
                panel.set_title(title, loc="center")
    return figure


def model_runs() -> list[NetworkRun]:
    """Return the runs and published points of Figure 1C to F."""
    tier, index = TIERS["laptop"], RunIndex(read_archive(HERE.parent / "results" / "laptop.jsonl.xz"))
    figure = FIGURES["1"]
    return network_runs(figure, tier.drawn(figure), lambda one: study_of(one, tier, index))


LOOKS = {
    "FCN, 2 layers": (MUTED, "o"), "FCN, 4 layers": (BLACK, "s"), "LeNet": (PINK, "v"), "AlexNet": (BROWN, "X"),
    "VGG11": (GREEN, "^"), "VGG11, batch norm": (SKY, "P"), "ResNet18": (ORANGE, "D"),
}  # fmt: skip
"""Colour and marker of the image networks: those that the model has too look as they do there."""


def look(net: str) -> dict:
    return {"color": LOOKS[net][0], "marker": LOOKS[net][1], "linestyle": "", "markersize": 5}


def image_panel(panel, name: str, data: str) -> None:
    """Draw the test error of the image networks against R or G; filled at the larger P."""
    own = [one for one in sets() if one.data == data]
    rows = [row for one in own for row in one.rows]
    log_axis(panel.xaxis, *log_range([row[name] for row in rows], margin=0.1, least_ratio=2), least_gap=0.15)
    low, high = log_range([row["error"] for row in rows], margin=0.1, least_ratio=2)
    log_axis(panel.yaxis, low, high * (high / low) ** 0.3)
    for place, one in enumerate(own):
        for row in one.rows:
            fill = {} if place == len(own) - 1 else {"markerfacecolor": "white"}
            panel.plot([row[name]], [row["error"]], **look(row["net"]) | fill, zorder=3)
        words = f"P = {one.P:,}: rank correlation {in_words(one.correlation(name))}"
        panel.text(0.02, 0.99 - 0.07 * place, words, transform=panel.transAxes, va="top", fontsize=6.5)
    if name == "R":
        for one in own:
            fit, x = one.fit(), np.array([one.mean("R", net) for net in one.nets])
            ends = np.array([x.min(), x.max()])
            panel.plot(ends, np.exp(fit.intercept) * ends**fit.slope, "-", color=MUTED, lw=1, zorder=1)
        ends = np.array([min(row["R"] for row in rows), max(row["R"] for row in rows)])
        panel.plot(ends, PUBLISHED[0] * ends ** PUBLISHED[1], ":", color=MUTED, lw=1.2, zorder=1)
    panel.set_ylabel("test error")


@styled
def errors(data: str = "fashion_mnist"):
    """Figure 1: images above, the model below."""
    figure, panels = panel_grid(5, 3, 1.25 * DOUBLE_COLUMN, 2.9, more=0.2)
    for panel, name in zip(panels, "RG", strict=False):
        image_panel(panel, name, data)
    pixels = next(one.pixels for one in sets() if one.data == data)
    panels[0].set_title(f"{NAMES[data]}, {pixels} × {pixels} pixels")
    panels[0].set_xlabel("relative stability to smooth deformations, $R_f$")
    panels[1].set_title("Control: noise alone")
    panels[1].set_xlabel("stability to noise, $G_f$")
    through = panels[2]
    found = paths(data)
    rows = [row for of_P in found.values() for many in of_P.values() for row in many]
    for net, of_P in found.items():
        x, y = (
            [np.exp(np.mean([np.log(row[name]) for row in many])) for many in of_P.values()]
            for name in ("R", "error")
        )
        through.plot(x, y, **look(net) | {"linestyle": "-", "linewidth": 0.8})
        for place, P in ((0, min(of_P)), (-1, max(of_P))):
            at = (x[place], y[place])
            through.annotate(f"P = {P:,}", at, xytext=(5, 3), textcoords="offset points", fontsize=6.5)
    if rows:
        log_axis(
            through.xaxis, *log_range([row["R"] for row in rows], margin=0.25, least_ratio=2), least_gap=0.15
        )
        log_axis(through.yaxis, *log_range([row["error"] for row in rows], margin=0.1, least_ratio=2))
    through.set_title("Two networks through P")
    through.set_xlabel("relative stability, $R_f$")
    through.set_ylabel("test error")
    runs, colours = model_runs(), look_of_nets()
    for panel, name, words in ((panels[3], "D", "shifts, $D$"), (panels[4], "S", "synonyms, $S$")):
        placed = [run for run in runs if run.sensitivity(name) is not None and run.error > 0]
        log_axis(
            panel.xaxis, *log_range([run.sensitivity(name) for run in placed], margin=0.08), least_gap=0.2
        )
        log_axis(panel.yaxis, *log_range([run.error for run in placed], margin=0.08))
        for run in placed:
            colour, marker = colours[run.net]
            fill = {"markerfacecolor": "none"} if run.whose == "paper" else {}
            panel.plot(
                [run.sensitivity(name)],
                [run.error],
                marker,
                color=colour,
                markersize=5,
                **fill,
                clip_on=False,
            )
        panel.set_title(f"The model: {words.split(',')[0]}")
        panel.set_xlabel(f"sensitivity of the output to {words}")
        panel.set_ylabel("test error")
    grey = {"color": MUTED, "marker": "o", "linestyle": ""}
    P = [one.P for one in sets() if one.data == data]
    ours = [Line2D([], [], **look(net), label=net) for net in LOOKS]
    ours += [Line2D([], [], **grey, markerfacecolor="white", label=f"P = {P[0]:,}")] * (len(P) > 1)
    ours.append(Line2D([], [], **grey, label=f"P = {P[-1]:,}"))
    ours.append(Line2D([], [], color=MUTED, lw=1, label="fits to means over seeds"))
    ours.append(Line2D([], [], color=MUTED, ls=":", lw=1.2, label=r"$0.2\sqrt{R_f}$, published, CIFAR-10"))
    models = [
        Line2D([], [], color=colours[net][0], marker=colours[net][1], linestyle="", markersize=5, label=net)
        for net in dict.fromkeys(run.net for run in runs)
    ]
    models.append(Line2D([], [], **grey, markerfacecolor="none", label="open: paper"))
    for left, title, handles in ((0.70, "a to c", ours), (0.87, "d and e", models)):
        figure.legend(
            handles=handles,
            title=title,
            loc="upper left",
            bbox_to_anchor=(left, 0.46),
            fontsize=7,
            title_fontsize=8,
        )
    panel_letters(panels)
    return figure


@styled
def bridged():
    """The model in the plane: error, D of shifts, and D, G and R of smooth deformations."""
    runs = bridge()
    every = [row for of_P in runs.values() for row in of_P]
    figure, (left, right) = panel_grid(2, 2, DOUBLE_COLUMN, 2.9, more=0.1)
    shown = {
        "error": ("test error", BLACK, "o"), "shifts": ("shifts, $D$", VERMILLION, "s"),
        "R": ("smooth: $R_f = D_f/G_f$", BLUE, "^"), "D": ("smooth: $D_f$", SKY, "v"),
        "G": ("noise: $G_f$", MUTED, "P"),
    }  # fmt: skip
    values = [row[name] for row in every for name in shown if row[name] > 0]
    for name, (label, colour, marker) in shown.items():
        means = [np.exp(np.mean([np.log(max(row[name], 1e-4)) for row in of_P])) for of_P in runs.values()]
        left.plot(list(runs), means, "-", color=colour, lw=0.9)
        places = [[row["P"] for row in every], [row[name] for row in every]]
        left.plot(*places, marker, color=colour, markersize=4, label=label)
        if name in ("shifts", "R", "D"):
            right.plot(places[1], [row["error"] for row in every], marker, color=colour, markersize=4)
    log_axis(left.xaxis, *log_range(list(runs), margin=0.08), least_gap=0.2)
    log_axis(left.yaxis, *log_range(values, margin=0.06))
    log_axis(
        right.xaxis, *log_range([row[name] for row in every for name in ("shifts", "R", "D")], margin=0.06)
    )
    log_axis(right.yaxis, *log_range([row["error"] for row in every if row["error"] > 0], margin=0.08))
    left.set_xlabel("training points $P$")
    left.set_ylabel("of the output")
    right.set_xlabel("sensitivity or stability of the output")
    right.set_ylabel("test error")
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=5)
    panel_letters([left, right])
    return figure


def main(folder: str) -> None:
    for name, figure in (
        ("images_errors", errors()),
        ("images_bridge", bridged()),
        ("images_deformed", deformed(folder)),
    ):
        (HERE / f"{name}.png").write_bytes(render(figure, "png"))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else FASHION_MNIST)
