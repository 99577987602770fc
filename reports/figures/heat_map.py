"""A heat map of epochs against epochs: how far the network's states were from each other.

Colours are viridis reversed, warm where states agree, and the same on light and dark pages: cells
are told from each other, not from the page. Every cell shows its number on hovering; the scale
beside the square says which colour is which number.
"""

from typing import Any, List, NamedTuple, Optional, Sequence, Tuple

from markupsafe import Markup

from edgejoule.reports.figures import svg

WIDTH, HEIGHT = 420.0, 358.0
LEFT, TOP, SIDE = 44.0, 30.0, 290.0
SCALE_LEFT, SCALE_WIDTH = 352.0, 14.0
MOST = 32  # cells a side; more epochs share cells
MOST_EPOCHS = 400  # the means of a larger matrix take seconds
COLOURS = (
    "#fde725",
    "#b5de2b",
    "#6ece58",
    "#35b779",
    "#1f9e89",
    "#26828e",
    "#31688e",
    "#3e4989",
    "#482878",
    "#440154",
)


class Matrix(NamedTuple):
    """Distances [n][n] of the states after `epochs` [n]; a detector compares the last `held`."""

    epochs: Tuple[int, ...]
    rows: Tuple[Tuple[float, ...], ...]
    held: int
    sampled_bits: Optional[int]


def read(facts: Any) -> Optional[Matrix]:
    """The matrix in a record's facts, None if there is none.

    Raises:
        ValueError: it is there and no matrix of distances from 0 to 1.
    """
    found = facts.get("epoch_matrix") if isinstance(facts, dict) else None
    if found is None:
        return None
    try:
        epochs, below = found["epochs"], found["below"]
        held, bits = found["held"], found["sampled_bits"]
    except (KeyError, TypeError):
        raise ValueError(
            "it lacks epochs, held, sampled_bits or the distances below the diagonal"
        ) from None
    _check(epochs, below, held, bits)
    full = [
        [below[max(i, j) - 1][min(i, j)] if i != j else 0.0 for j in range(len(epochs))]
        for i in range(len(epochs))
    ]
    return Matrix(tuple(epochs), tuple(tuple(row) for row in full), held, bits)


def _check(epochs: Any, below: Any, held: Any, bits: Any) -> None:
    """Raises a ValueError for the first part that cannot be drawn."""
    if not isinstance(epochs, list) or not 2 <= len(epochs) <= MOST_EPOCHS:
        raise ValueError("its epochs are no list of 2 to {}".format(MOST_EPOCHS))
    if not isinstance(below, list) or [
        len(row) if isinstance(row, list) else None for row in below
    ] != list(range(1, len(epochs))):
        raise ValueError("its distances are no triangle over {} epochs".format(len(epochs)))
    for value in epochs + [held] + ([] if bits is None else [bits]):
        if type(value) is not int or not 0 <= value < 10**9:
            raise ValueError("{:.40} is no number of epochs, states or bits".format(repr(value)))
    if any(late <= early for early, late in zip(epochs, epochs[1:])):
        raise ValueError("its epochs do not ascend")
    if not all(type(value) in (int, float) and 0 <= value <= 1 for row in below for value in row):
        raise ValueError("a distance is no number from 0 to 1")


def draw(identity: str, name: str, matrix: Matrix, drawn: Optional[int]) -> Markup:
    """The square of all pairs, a scale, and a ring round the states that the ticket rests on."""
    spans = _spans(len(matrix.epochs))
    means = [[_mean(matrix.rows, a, b) for b in spans] for a in spans]
    top = max(max(row) for row in means) or 1.0
    cell = SIDE / len(spans)
    parts = [
        _cell(matrix, spans, means, i, j, cell, top)
        for i in range(len(spans))
        for j in range(len(spans))
    ]
    return svg.picture(
        identity,
        WIDTH,
        HEIGHT,
        "Epochs against epochs, {}".format(name),
        describe(matrix, drawn),
        svg.tag("g", *parts, shape_rendering="crispEdges"),
        *(_ring(matrix, spans, cell, drawn) + _labels(matrix, spans, cell) + _scale(top)),
    )


def describe(matrix: Matrix, drawn: Optional[int]) -> str:
    """The figure in words."""
    near = [matrix.rows[i + 1][i] for i in range(len(matrix.epochs) - 1)]
    ended = (
        "no ticket was drawn" if drawn is None else "the ticket was drawn after {}".format(drawn)
    )
    return (
        "Distances of {} states, after {} to {} epochs, in shares of bits. Neighbours differ "
        "by {:.3g} at first and by {:.3g} at last; {}.".format(
            len(matrix.epochs), matrix.epochs[0], matrix.epochs[-1], near[0], near[-1], ended
        )
    )


def _spans(count: int) -> List[range]:
    """Which states share a row of cells: one each, or neighbours where there are too many."""
    rows = min(count, MOST)
    edges = [round(place * count / rows) for place in range(rows + 1)]
    return [range(low, high) for low, high in zip(edges, edges[1:])]


def _mean(rows: Sequence[Sequence[float]], a: range, b: range) -> float:
    """The mean distance of the states of one cell."""
    return sum(rows[i][j] for i in a for j in b) / (len(a) * len(b))


def _cell(
    matrix: Matrix,
    spans: List[range],
    means: List[List[float]],
    i: int,
    j: int,
    cell: float,
    top: float,
) -> Markup:
    """The square of row i and column j, `cell` pixels wide; `top` is the largest mean."""
    colour = COLOURS[min(int(means[i][j] / top * len(COLOURS)), len(COLOURS) - 1)]
    words = "epochs {} and {}: {:.3g}".format(
        _epochs(matrix, spans[i]), _epochs(matrix, spans[j]), means[i][j]
    )
    return svg.tag(
        "rect",
        svg.tag("title", words),
        x=LEFT + j * cell,
        y=TOP + i * cell,
        width=cell + 0.1,  # a little over the next one, or the page shines through between them
        height=cell + 0.1,
        fill=colour,
    )


def _epochs(matrix: Matrix, span: range) -> str:
    first, last = matrix.epochs[span[0]], matrix.epochs[span[-1]]
    return str(first) if first == last else "{}–{}".format(first, last)


def _ring(matrix: Matrix, spans: List[range], cell: float, drawn: Optional[int]) -> List[Markup]:
    """A square round the states that the detector held when it drew the ticket."""
    if drawn is None or drawn not in matrix.epochs:
        return []
    last = matrix.epochs.index(drawn)
    first = max(last - matrix.held + 1, 0)
    low, high = [
        next(place for place, span in enumerate(spans) if state in span) for state in (first, last)
    ]
    place = {
        "x": LEFT + low * cell,
        "y": TOP + low * cell,
        "width": (high + 1 - low) * cell,
        "height": (high + 1 - low) * cell,
    }
    words = svg.tag("title", "the ticket drawn after epoch {} rests on these states".format(drawn))
    return [
        svg.tag("rect", class_="halo", **place),
        svg.tag("rect", words, class_="ring", **place),
        svg.text(LEFT, 14.0, "□ ticket, drawn after epoch {}".format(drawn), class_="name"),
    ]


def _labels(matrix: Matrix, spans: List[range], cell: float) -> List[Markup]:
    """Epochs along both axes, as many as fit."""
    step = -(-len(spans) // 8)  # rounded up: at most eight labels
    parts = []
    for place in range(0, len(spans), step):
        middle, words = (place + 0.5) * cell, str(matrix.epochs[spans[place][0]])
        parts += [
            svg.text(LEFT + middle, TOP + SIDE + 15, words, "middle", "tick"),
            svg.text(LEFT - 6, TOP + middle + 4, words, "end", "tick"),
        ]
    return parts + [svg.text(LEFT + SIDE, HEIGHT - 4, "epochs trained", "end", "title")]


def _scale(top: float) -> List[Markup]:
    """The colours from 0 at the foot to the largest distance at the head, with their numbers."""
    step, parts = SIDE / len(COLOURS), []
    for number, colour in enumerate(COLOURS):
        parts.append(
            svg.tag(
                "rect",
                x=SCALE_LEFT,
                y=TOP + SIDE - (number + 1) * step,
                width=SCALE_WIDTH,
                height=step + 0.1,
                fill=colour,
            )
        )
    for share in (0.0, 0.5, 1.0):
        parts.append(
            svg.text(
                SCALE_LEFT + SCALE_WIDTH + 6,
                TOP + SIDE * (1 - share) + 4,
                "{:.2g}".format(share * top),
                class_="tick",
            )
        )
    return parts + [svg.text(SCALE_LEFT - 8, TOP - 10, "distance", class_="title")]
