"""The neighbourhood of a lineage node as a picture: columns of boxes, joined by lines. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from airworthy.lineage.graph import Graph, Node

BOX_WIDTH, BOX_HEIGHT = 190, 46
_COLUMN, _ROW, _MARGIN = 240, 58, 8
_STEPS = 2
_MOST_IN_A_COLUMN = 8


@dataclass(frozen=True)
class Box:
    """A node of the picture. `x`, `y` is its upper left corner."""

    node: Node
    x: int
    y: int
    is_middle: bool


@dataclass(frozen=True)
class Picture:
    """Boxes, and the lines between them as SVG paths. `left_out` counts nodes without a box."""

    boxes: list[Box]
    lines: list[str]
    width: int
    height: int
    left_out: int


def lineage_picture(graph: Graph, middle: str) -> Picture:
    """Return a node, two steps of its inputs to the left, two steps of its results to the right."""
    before, left_out_before = _columns(graph.before, middle)
    after, left_out_after = _columns(graph.after, middle)
    columns = [*before[::-1], [middle], *after]
    rows = max(len(column) for column in columns)
    height = rows * _ROW + 2 * _MARGIN
    boxes = [
        _box(graph.nodes[node], index, place, (rows - len(column)) * _ROW // 2, node == middle)
        for index, column in enumerate(columns)
        for place, node in enumerate(column)
    ]
    return Picture(
        boxes=boxes,
        lines=_lines(graph, boxes),
        width=len(columns) * _COLUMN - (_COLUMN - BOX_WIDTH) + 2 * _MARGIN,
        height=height,
        left_out=left_out_before + left_out_after,
    )


def _columns(neighbours: Callable[[str], list[str]], middle: str) -> tuple[list[list[str]], int]:
    """Return the nodes at each step from the middle, and the number of those left out."""
    columns: list[list[str]] = []
    seen, column, left_out = {middle}, [middle], 0
    for _ in range(_STEPS):
        found = dict.fromkeys(each for node in column for each in neighbours(node))
        new = [node for node in found if node not in seen]
        # The newest are last: partitions of a dataset, predictions of a version.
        column = new[-_MOST_IN_A_COLUMN:]
        left_out += len(new) - len(column)
        seen |= set(new)
        if not column:
            break
        columns.append(column)
    return columns, left_out


def _box(node: Node, column: int, place: int, offset: int, is_middle: bool) -> Box:
    x = _MARGIN + column * _COLUMN
    return Box(node, x, _MARGIN + offset + place * _ROW, is_middle)


def _lines(graph: Graph, boxes: list[Box]) -> list[str]:
    places = {box.node.id: box for box in boxes}
    lines = []
    for box in boxes:
        for after in graph.after(box.node.id):
            target = places.get(after)
            if target is not None and target.x > box.x:
                lines.append(_line(box, target))
    return lines


def _line(box: Box, target: Box) -> str:
    x1, y1 = box.x + BOX_WIDTH, box.y + BOX_HEIGHT // 2
    x2, y2 = target.x, target.y + BOX_HEIGHT // 2
    half = (x1 + x2) // 2
    return f"M{x1} {y1} C{half} {y1} {half} {y2} {x2} {y2}"
