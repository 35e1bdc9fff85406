"""Traversal of the graph: all causes, all effects, and nothing else."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from airworthy.lineage.graph import Graph, Node
from airworthy.lineage.lineage_answer import LineageAnswer

NAMES = [str(number) for number in range(9)]
# Edges from a smaller to a greater number only: nothing is made from what came later.
EDGES = st.sets(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).filter(
        lambda edge: edge[0] < edge[1]
    ),
    max_size=20,
)
ROOTS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)


def graph_of(edges: set[tuple[str, str]]) -> Graph:
    """Return a graph of these edges."""
    graph = Graph()
    for name in reversed(NAMES):
        graph.add(Node(name, "thing", f"thing {name}"))
    for before, after in sorted(edges, reverse=True):
        graph.link(before, after)
    return graph


def paths(edges: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return every pair with a path between them, by Warshall's algorithm."""
    result = edges | {(name, name) for name in NAMES}
    for middle, start, end in product(NAMES, NAMES, NAMES):
        if (start, middle) in result and (middle, end) in result:
            result.add((start, end))
    return result


@given(EDGES, ROOTS)
def test_causes_and_effects_are_all_paths(edges: set[tuple[str, str]], roots: list[str]) -> None:
    """A node is among the causes exactly if a path leads from it to a root, and among the effects
    if one leads back.
    """
    graph, all_paths = graph_of(edges), paths(edges)
    assert graph.causes(roots) == {start for start, end in all_paths if end in roots}
    assert graph.effects(roots) == {end for start, end in all_paths if start in roots}


@given(EDGES, ROOTS)
def test_each_node_comes_after_what_went_into_it(
    edges: set[tuple[str, str]], roots: list[str]
) -> None:
    """The order names every node once, causes first, and the edges are those among the nodes."""
    graph = graph_of(edges)
    nodes = graph.effects(roots)
    ordered = graph.ordered(nodes)
    assert sorted(ordered) == sorted(nodes)
    within = {(before, after) for before, after in edges if before in nodes and after in nodes}
    assert set(graph.edges(nodes)) == within
    assert all(ordered.index(before) < ordered.index(after) for before, after in within)


@given(EDGES, ROOTS)
def test_an_answer_is_whole(edges: set[tuple[str, str]], roots: list[str]) -> None:
    """Every edge of the JSON joins nodes of the JSON, and each node's place is where it stands to
    the roots.
    """
    graph = graph_of(edges)
    result = LineageAnswer("text", "kind", "m", graph, roots).as_json()
    positions = {node["id"]: node["place"] for node in result["nodes"]}
    assert {name for name, position in positions.items() if position == "root"} == set(roots)
    assert {name for name, position in positions.items() if position == "before"} == graph.causes(
        roots
    ) - set(roots)
    after = graph.effects(roots) - graph.causes(roots)
    assert {name for name, position in positions.items() if position == "after"} == after
    assert {name for edge in result["edges"] for name in edge} <= set(positions)


def test_what_is_said_twice_is_there_once() -> None:
    """Records may name a thing and its origin again: one node, one edge, the first word stands."""
    graph = Graph()
    graph.add(Node("a", "thing", "first"))
    graph.add(Node("a", "thing", "second"))
    graph.add(Node("b", "thing", "other"))
    graph.link("a", "b")
    graph.link("a", "b")
    assert graph.nodes["a"].title == "first"
    assert graph.edges(["a", "b"]) == [("a", "b")]
