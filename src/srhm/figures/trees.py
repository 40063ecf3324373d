"""Pictures of data with the trees that produced them, and of what may change without changing the class."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.figure import Figure

from ..errors import ArgumentError, check_instance, check_integer
from ..model.derivation import Derivation, Tree, expand
from ..model.grammar import Grammar
from ..model.params import Params
from ..model.resampling import diffeomorphism, exchange_synonyms
from .layout import canvas_of_trees
from .picture import Picture
from .style import styled

MAX_POSITIONS, MAX_PIXELS = 100, 400
"""Largest input lengths d that are drawn, on a line and in the plane: beyond, numbers in the cells are unreadable."""

_SEEDS = 64  # seeds tried for a transformation that changes anything


@styled
def derivation_trees(
    grammar: Grammar, derivation: Derivation, rows: Sequence[int] | None = None, *, title: str | None = None
) -> Figure:
    """Draw data with their derivations, from the class at the top to the input at the bottom.

    Every row of tiles holds all positions of one level, p^(L-l+1) of them: a feature is a coloured tile with
    its number, a blank is grey and hatched. Lines join each feature to its s children. In the plane every level is a
    picture, seen from the side, and the input is next to the tree too, seen from above.

    Parameters
    ----------
    grammar
        The production rules.
    derivation
        A batch of derivations.
    rows
        Which of the batch to draw. Default: the first and the next one of its class, if there is one.
    title
        Title of the figure. The default says what is seen.

    Raises
    ------
    ArgumentError
        If the input is longer than `MAX_POSITIONS`, or has more than `MAX_PIXELS` pixels, or a row is not in the batch.
    """
    params = checked_model(grammar, derivation, MAX_POSITIONS, MAX_PIXELS)
    labels = np.asarray(derivation.label)
    drawn = np.flatnonzero(labels == labels[0])[:2].tolist() if rows is None else rows
    trees = [tree_of(grammar, derivation, row, "rows") for row in drawn]
    if not trees:
        raise ArgumentError("rows", rows, "is empty", "Give one row at least")
    if title is None:
        classes = {int(tree.label[0]) for tree in trees}
        if len(trees) == 1:
            title = "A sample and the tree that produced it"
        elif len(classes) == 1:
            places = ", other places" if params.has_blanks else ""
            title = f"{_count(len(trees)).capitalize()} samples of one class: other features{places}"
        else:
            title = f"{_count(len(trees)).capitalize()} data and the trees that produced them"
    canvas, pictures = canvas_of_trees(params, len(trees), title)
    for block, (picture, tree) in enumerate(zip(pictures, trees, strict=True)):
        picture.draw(tree, f"sample {block + 1}" if len(trees) > 1 else "")
    return canvas.figure


@styled
def transformations(
    grammar: Grammar,
    derivation: Derivation,
    row: int = 0,
    level: int = 1,
    seed: int = 0,
    *,
    title: str | None = None,
) -> Figure:
    """Draw one sample as it is, after an exchange of synonyms and after a shift: the class stays.

    Symbols that the exchange changed are outlined, at the level and, where they follow, below it. Features
    that the shift moved have an arrow from their old place, which is dashed; those that they carry along are
    outlined.

    Parameters
    ----------
    grammar
        The production rules.
    derivation
        A batch of derivations.
    row
        Which of the batch to draw.
    level
        Level at which synonyms are exchanged and features are moved, 1 (the input) to L.
    seed
        Seed of both. As the old choices may be drawn again, each takes the first seed from this one on that
        changes anything.
    title
        Title of the figure. The default says what is seen.

    Returns
    -------
    Figure
        Three pictures; that of the exchange is left out where m = 1, that of the shift where s0 = 0.

    Raises
    ------
    ArgumentError
        If the input is longer than `MAX_POSITIONS`, or has more than `MAX_PIXELS` pixels, the row is not in the batch,
        the level is not in 1 to L, or neither exchange nor shift can change anything.
    """
    params = checked_model(grammar, derivation, MAX_POSITIONS, MAX_PIXELS)
    level = check_integer("level", level, minimum=1, maximum=params.L)
    before = tree_of(grammar, derivation, row, "row")
    place = "in the input" if level == 1 else f"at level {level}"
    blocks = [(before, "the sample")]
    exchanged = changed(grammar, derivation, row, level, seed, exchange_synonyms)
    if exchanged is not None:
        blocks.append((exchanged, f"same class, other synonyms {place} (changed symbols outlined)"))
    shifted = changed(grammar, derivation, row, level, seed, diffeomorphism)
    if shifted is not None:
        blocks.append((shifted, f"same class, other positions {place} (arrows show the moves)"))
    if len(blocks) == 1:
        problem = "has m = 1 and s0 = 0, so that nothing can change"
        raise ArgumentError("grammar", params, problem, "Use a model with m > 1 or s0 > 0")
    title = title or "What may change without changing the class"
    canvas, pictures = canvas_of_trees(params, len(blocks), title)
    for picture, (tree, words) in zip(pictures, blocks, strict=True):
        picture.draw(tree, words)
        if tree is exchanged:
            mark_exchange(picture, before, tree)
        elif tree is shifted:
            mark_shift(picture, before, tree, level)
    return canvas.figure


def mark_exchange(picture: Picture, before: Tree, after: Tree) -> None:
    """Outline every symbol that changed."""
    for level, (old, new) in enumerate(zip(before.features, after.features, strict=True), 1):
        for place in np.flatnonzero(old[0] != new[0]):
            picture.outline(level, int(after.positions[level - 1][0, place]), "changed")


def mark_shift(picture: Picture, before: Tree, after: Tree, level: int) -> None:
    """Draw arrows from old places to new ones at a level, and outline what moved along below it."""
    for below in range(1, level + 1):
        old, new = before.positions[below - 1][0].tolist(), after.positions[below - 1][0].tolist()
        for start, end in zip(old, new, strict=True):
            if start == end:
                continue
            picture.outline(below, end, "moved")
            if below == level:
                picture.arrow(level, start, end)
                if start not in new:
                    picture.outline(level, start, "left", dashed=True)


def checked_model(grammar: Grammar, derivation: Derivation, most: int, pixels: int = 0) -> Params:
    """Return the numbers of a model; one whose inputs are too long to draw is refused."""
    check_instance(Grammar, grammar=grammar)
    check_instance(Derivation, derivation=derivation)
    params = grammar.params
    if params.plane and not pixels:
        problem = "is in the plane, which this drawing does not show"
        raise ArgumentError(
            "grammar", params, problem, "Use derivation_trees or transformations, or plane=False"
        )
    most = pixels if params.plane else most
    if params.d > most:
        problem = f"has inputs of d = {params.d} positions, too many to draw"
        raise ArgumentError("grammar", params, problem, f"Use a model with d <= {most}")
    return params


def tree_of(grammar: Grammar, derivation: Derivation, row: int, argument: str) -> Tree:
    """Expand one row of a batch."""
    row = check_integer(argument, row, minimum=0, maximum=len(derivation.label) - 1)
    part = slice(row, row + 1)
    return expand(
        grammar,
        Derivation(
            np.asarray(derivation.label)[part],
            tuple(np.asarray(choices)[part] for choices in derivation.rules),
            tuple(np.asarray(choices)[part] for choices in derivation.placements),
        ),
    )


def changed(
    grammar: Grammar,
    derivation: Derivation,
    row: int,
    level: int,
    seed: int,
    transform: Callable[[Grammar, Derivation, int, int], Derivation],
) -> Tree | None:
    """Transform the batch with the first seed that changes the row; None if none does."""
    before = tree_of(grammar, derivation, row, "row")
    for tried in range(seed, seed + _SEEDS):
        after = tree_of(grammar, transform(grammar, derivation, level, tried), row, "row")
        for old, new in ((before.features, after.features), (before.positions, after.positions)):
            if any((a != b).any() for a, b in zip(old, new, strict=True)):
                return after
    return None


def _count(number: int) -> str:
    return {2: "two", 3: "three", 4: "four"}.get(number, str(number))
