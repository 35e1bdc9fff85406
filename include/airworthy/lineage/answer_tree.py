"""An answer as a tree for people: what is meant, below it what it was made from, and what came of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from airworthy.lineage.graph import Node
from airworthy.lineage.lineage_answer import Answer

_MOST_SIBLINGS = 10
_MADE_FROM, _LED_TO = "made from", "led to"


@dataclass
class Branch:
    """One line and what hangs below it."""

    text: str
    branches: list[Branch] = field(default_factory=list)


def tree_of(answer: Answer) -> Branch:
    """Return an answer as a tree. What would be there twice is written out once."""
    root = Branch(_headline(answer))
    graph, shown = answer.graph, set[str]()
    for node in _topmost(answer):
        branch = Branch(_line(graph.nodes[node]))
        root.branches.append(branch)
        for heading, neighbours in ((_MADE_FROM, graph.before), (_LED_TO, graph.after)):
            below = _branches(answer, node, neighbours, shown)
            if below:
                branch.branches.append(Branch(heading, below))
    return root


def plain_lines(branch: Branch, depth: int = 0) -> Iterator[str]:
    """Return a tree as lines, two spaces deeper for each level."""
    yield f"{'  ' * depth}{branch.text}"
    for below in branch.branches:
        yield from plain_lines(below, depth + 1)


def _headline(answer: Answer) -> str:
    """Say what is meant, and the answer to the question that is asked most of it."""
    versions = answer.versions()
    named = ", ".join(f"{answer.model}/{version}" for version in versions) or "no version"
    return f"{answer.kind} {answer.text}: {'made by' if answer.kind == 'prediction' else 'concerns'} {named}"


def _topmost(answer: Answer) -> list[str]:
    """Return the roots that were made from no other root: the others are found below them."""
    roots = set(answer.roots)
    return [root for root in answer.roots if not (answer.graph.causes([root]) - {root}) & roots]


def _branches(
    answer: Answer, node: str, neighbours: Callable[[str], list[str]], shown: set[str]
) -> list[Branch]:
    graph = answer.graph
    near = sorted(
        (graph.nodes[each] for each in neighbours(node)), key=lambda each: each.time or ""
    )
    partitions = sorted(
        (each for each in near if each.kind == "partition"), key=lambda each: each.id
    )
    if len(partitions) > _MOST_SIBLINGS:
        near = [each for each in near if each.kind != "partition"]
    else:
        partitions = []
    # Of many, the newest say most.
    left_out = near[:-_MOST_SIBLINGS]
    found = [_branch(answer, each, neighbours, shown) for each in near[len(left_out) :]]
    if left_out:
        found.insert(0, Branch(f"{len(left_out):,} earlier ones, which --json lists"))
    return [*found, *(_together(answer, partitions, neighbours, shown) if partitions else ())]


def _branch(
    answer: Answer, node: Node, neighbours: Callable[[str], list[str]], shown: set[str]
) -> Branch:
    if node.id in shown:
        return Branch(f"{node.title} (see above)")
    shown.add(node.id)
    mark = "* " if node.id in answer.roots else ""
    return Branch(f"{mark}{_line(node)}", _branches(answer, node.id, neighbours, shown))


def _together(
    answer: Answer, partitions: list[Node], neighbours: Callable[[str], list[str]], shown: set[str]
) -> list[Branch]:
    """Write many partitions as one line, with what they have in common below it."""
    days = [str(node.facts["partition"]) for node in partitions]
    changed = [node for node in partitions if node.facts.get("cause", "new") != "new"]
    more = f", {len(changed):,} of them restated or made anew" if changed else ""
    line = Branch(
        f"{len(partitions):,} partitions {days[0]} to {days[-1]}{more}, which --json lists"
    )
    common = dict.fromkeys(each for node in partitions for each in neighbours(node.id))
    line.branches = [
        _branch(answer, answer.graph.nodes[each], neighbours, shown) for each in common
    ]
    return [line]


def _line(node: Node) -> str:
    """Return a node's title, then who made it when, in which run."""
    when = f"{node.time[:19].replace('T', ' ')}Z" if node.time else ""
    run = f"run {f'{node.dag_id}/' if node.dag_id else ''}{node.run_id}" if node.run_id else ""
    who = str(node.facts.get("who") or node.facts.get("requested_by") or "")
    made = ", ".join(part for part in (when, who, run) if part)
    return f"{node.title}  [{made}]" if made else node.title
