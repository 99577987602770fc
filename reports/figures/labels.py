"""Places for labels in a figure: beside their mark, where nothing that is drawn lies under them.

A label that finds no such place goes below the figure, with its mark, so that none ever covers a
line, a point or another label.
"""

from typing import Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from markupsafe import Markup

from edgejoule.reports.figures import svg

LETTER = 7.4  # pixels of a letter at 12 px on the wide side: DejaVu Sans, the widest of the fonts
ASCENT, DESCENT = 11.0, 4.0  # pixels of a line of text over and under its baseline
ROW = 17.0  # pixels between the lines of a list below a figure
SHIFTS = (0.0, -9.0, 9.0, -18.0, 18.0, -27.0, 27.0, -36.0, 36.0)
GAPS = (11.0, 20.0)  # pixels between a mark's middle and its label

Place = Tuple[float, float]  # in pixels


class Box(NamedTuple):
    """A rectangle in pixels."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: "Box") -> bool:
        """True if two rectangles overlap."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def holds(self, other: "Box") -> bool:
        """True if the other lies inside."""
        return (
            self.left <= other.left
            and other.right <= self.right
            and self.top <= other.top
            and other.bottom <= self.bottom
        )

    def away(self, x: float, y: float) -> float:
        """The square of the distance from a point to the rectangle; 0 inside."""
        across = max(self.left - x, 0.0, x - self.right)
        down = max(self.top - y, 0.0, y - self.bottom)
        return across * across + down * down

    def crossed(self, start: Place, end: Place) -> bool:
        """True if a straight line runs through the rectangle (Liang and Barsky)."""
        (x, y), (dx, dy) = start, (end[0] - start[0], end[1] - start[1])
        first, last = 0.0, 1.0
        for step, room in (
            (-dx, x - self.left),
            (dx, self.right - x),
            (-dy, y - self.top),
            (dy, self.bottom - y),
        ):
            if step == 0:
                if room <= 0:
                    return False
            elif step < 0:
                first = max(first, room / step)
            else:
                last = min(last, room / step)
        return first < last


class Canvas:
    """What a figure has drawn so far and no label may cover: boxes and lines."""

    def __init__(self, inside: Box) -> None:
        """Nothing yet; labels stay `inside` this rectangle."""
        self.inside = inside
        self.boxes: List[Box] = []
        self.lines: List[Tuple[Place, Place]] = []
        self.marks: List[Place] = []

    def mark(self, x: float, y: float, size: float) -> None:
        """A mark of a series round a point."""
        self.marks.append((x, y))
        self.boxes.append(Box(x - size, y - size, x + size, y + size))

    def line(self, points: Iterable[Place]) -> None:
        """A polyline."""
        points = list(points)
        self.lines += list(zip(points, points[1:]))

    def label(self, x: float, y: float, words: str) -> Optional[Box]:
        """The box of a label for the mark at a point, which is then taken; None if none is free."""
        for box in _beside(x, y, len(words) * LETTER):
            if self.free(box) and self._nearest(box, x, y):
                self.boxes.append(box)
                return box
        return None

    def free(self, box: Box) -> bool:
        """True if nothing is drawn in a box."""
        return (
            self.inside.holds(box)
            and not any(box.meets(each) for each in self.boxes)
            and not any(box.crossed(*each) for each in self.lines)
        )

    def _nearest(self, box: Box, x: float, y: float) -> bool:
        """True if no other mark is nearer to a label than its own: it would seem to be its name."""
        mine = box.away(x, y) + 1e-6
        return all(mine <= box.away(*each) + 2e-6 for each in self.marks if each != (x, y))


def text(box: Box, words: str) -> Markup:
    """The words of a label in its box."""
    return svg.text(box.left, box.bottom - DESCENT, words, class_="name")


def width(words: str) -> float:
    """Pixels that a label takes, on the wide side."""
    return len(words) * LETTER


def columns(names: Sequence[str], most: float) -> int:
    """How many names of a list fit beside each other, each with a mark before it."""
    widest = max(width(name) for name in names) + 30
    return max(1, int(most // widest))


def _beside(x: float, y: float, wide: float) -> Iterator[Box]:
    """Boxes round a mark, the nearest first: beside it, then over and under it."""
    high = ASCENT + DESCENT
    for gap in GAPS:
        for shift in SHIFTS:
            top = y + shift - high / 2
            for left in (x + gap, x - gap - wide):
                yield Box(left, top, left + wide, top + high)
        for top in (y - gap - high, y + gap):
            for share in (0.5, 0.2, 0.8):
                yield Box(x - share * wide, top, x + (1 - share) * wide, top + high)
