"""Small SVG: elements as escaped text, and marks that differ in shape as well as in colour.

Colours are classes (`s0`, `s1`, ...) that the page's style sheet defines for light and dark.
"""

from typing import Any, Iterable, Optional, Tuple

from markupsafe import Markup, escape

SHAPES = ("square", "circle", "triangle", "diamond", "down", "cross", "plus", "bar")
SERIES = len(SHAPES)  # colours in the style sheet: s0 to s7
DASHES = ("", "6 3", "2 2", "8 3 2 3")  # of seeds, which share the colour of their method


def tag(name: str, *children: str, **attributes: Any) -> Markup:
    """One element; `class_` is class, `stroke_width` is stroke-width, None is left out."""
    words = "".join(
        ' {}="{}"'.format(key.rstrip("_").replace("_", "-"), escape(_text(value)))
        for key, value in attributes.items()
        if value is not None
    )
    inside = Markup("").join(children)
    if not inside:
        return Markup("<{}{}/>".format(name, words))
    return Markup("<{0}{1}>{2}</{0}>".format(name, words, inside))


def picture(
    identity: str, width: float, height: float, title: str, description: str, *children: Markup
) -> Markup:
    """A whole figure that a screen reader announces by its title and describes in words."""
    names = (identity + "-title", identity + "-text")
    return tag(
        "svg",
        tag("title", title, id=names[0]),
        tag("desc", description, id=names[1]),
        *children,
        role="img",
        aria_labelledby=" ".join(names),
        viewBox="0 0 {} {}".format(_text(width), _text(height)),
        width=width,
        height=height,
    )


def text(
    x: float,
    y: float,
    words: str,
    anchor: str = "start",
    class_: Optional[str] = None,
    **attributes: Any,
) -> Markup:
    """Words at a point."""
    return tag(
        "text",
        words,
        x=x,
        y=y,
        text_anchor=None if anchor == "start" else anchor,
        class_=class_,
        **attributes,
    )


def line(points: Iterable[Tuple[float, float]], class_: str, **attributes: Any) -> Markup:
    """A polyline; nothing for fewer than two points."""
    points = list(points)
    if len(points) < 2:
        return Markup("")
    path = " ".join("{},{}".format(_text(x), _text(y)) for x, y in points)
    return tag("polyline", points=path, class_=class_, **attributes)


def mark(number: int, x: float, y: float, size: float = 5.0, title: str = "") -> Markup:
    """The mark of one series, its name on hovering."""
    hint = [tag("title", title)] if title else []
    return tag(
        "path", *hint, d=outline(SHAPES[number], x, y, size), class_="mark s{}".format(number)
    )


def dash(number: int) -> Optional[str]:
    """The dash pattern of one series; None for a solid line."""
    return DASHES[number % len(DASHES)] or None


def short(words: str, most: int = 30) -> str:
    """A name that fits into a figure."""
    return words if len(words) <= most else words[: most - 1] + "…"


def outline(shape: str, x: float, y: float, r: float) -> str:
    """The path of a shape of radius `r` round a point."""
    if shape == "circle":
        return "M{} {}a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 {e} 0z".format(
            _text(x - r), _text(y), r=_text(r), d=_text(2 * r), e=_text(-2 * r)
        )
    # scaled by eye, so that no shape looks larger and weightier than the others
    corners = {
        "square": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
        "triangle": ((0, -1.1), (1.05, 0.8), (-1.05, 0.8)),
        "diamond": ((0, -1.25), (1.25, 0), (0, 1.25), (-1.25, 0)),
        "down": ((0, 1.1), (1.05, -0.8), (-1.05, -0.8)),
        "bar": ((-1.2, -0.5), (1.2, -0.5), (1.2, 0.5), (-1.2, 0.5)),
        "plus": _plus(0),
        "cross": _plus(1),
    }[shape]
    return (
        "M" + "L".join("{} {}".format(_text(x + r * a), _text(y + r * b)) for a, b in corners) + "z"
    )


def _plus(turned: int) -> Tuple[Tuple[float, float], ...]:
    """Corners of a thick plus; turned by 45 degrees it is a cross."""
    a, b = 0.38, 1.15
    corners = (
        (-a, -b),
        (a, -b),
        (a, -a),
        (b, -a),
        (b, a),
        (a, a),
        (a, b),
        (-a, b),
        (-a, a),
        (-b, a),
        (-b, -a),
        (-a, -a),
    )
    return tuple(((x - y) * 0.707, (x + y) * 0.707) for x, y in corners) if turned else corners


def _text(value: Any) -> str:
    """A coordinate with at most one decimal: a tenth of a pixel is enough."""
    if isinstance(value, float):
        text = "{:.1f}".format(value)
        return text[:-2] if text.endswith(".0") else text
    return str(value)
