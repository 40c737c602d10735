"""A chart of cost over number of clients, in SVG."""

import math
from html import escape

Points = list[tuple[float, float]]
WIDTH, HEIGHT = 720, 440
LEFT, RIGHT, TOP, BOTTOM = 70, 150, 40, 50
COLOURS = ("#c02040", "#303030", "#909090", "#d08020", "#2060c0", "#209060")


def svg(title: str, lines: dict[str, Points]) -> str:
    """Draw lines of (clients, CPU ms per frame); both axes are logarithmic."""
    points = [point for line in lines.values() for point in line]
    low_x, high_x = min(x for x, _ in points), max(x for x, _ in points)
    low_y = 10 ** math.floor(math.log10(min(y for _, y in points)))
    high_y = 10 ** math.ceil(math.log10(max(y for _, y in points)))

    def across(x: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log(x / low_x) / (math.log(high_x / low_x) or 1)

    def down(y: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * math.log(y / low_y) / (math.log(high_y / low_y) or 1)

    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(LEFT, 22, title, size=15),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, "clients", anchor="middle"),
        _text(8, TOP - 6, "ms"),
    ]
    for x in sorted({x for x, _ in points}):
        drawn += [_rule(across(x), TOP, across(x), HEIGHT - BOTTOM)]
        drawn += [_text(across(x), HEIGHT - BOTTOM + 18, f"{x:g}", anchor="middle")]
    for exponent in range(round(math.log10(low_y)), round(math.log10(high_y)) + 1):
        for step in (1, 2, 5):
            y = step * 10**exponent
            if y <= high_y * 1.001:
                drawn += [
                    _rule(LEFT, down(y), WIDTH - RIGHT, down(y)),
                    _text(LEFT - 8, down(y) + 4, f"{y:g}", anchor="end"),
                ]
    taken: list[float] = []
    for (name, line), colour in zip(lines.items(), COLOURS * len(lines), strict=False):
        path = " ".join(f"{across(x):.1f},{down(y):.1f}" for x, y in line)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        drawn += [f'<circle cx="{across(x):.1f}" cy="{down(y):.1f}" r="3.5" fill="{colour}"/>' for x, y in line]
        label = down(line[-1][1]) + 4
        while any(abs(label - other) < 15 for other in taken):  # labels must not overlap
            label += 3
        taken.append(label)
        drawn.append(_text(WIDTH - RIGHT + 10, label, name, colour=colour))
    return "\n".join([*drawn, "</svg>", ""])


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#e0e0e0"/>'


def _text(x: float, y: float, words: str, anchor: str = "start", size: int = 13, colour: str = "#202020") -> str:
    shown = f'text-anchor="{anchor}" font-size="{size}" fill="{colour}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {shown}>{escape(words)}</text>'
