"""An answer as a tree for people: the referenced nodes, below them inputs and results. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from airworthy.lineage.graph import Node
from airworthy.lineage.lineage_answer import LineageAnswer
from airworthy.shown_text import one_line

_MOST_SIBLINGS = 10
_INPUTS, _RESULTS = "made from", "led to"


@dataclass
class Branch:
    """One line, and the branches below it."""

    text: str
    branches: list[Branch] = field(default_factory=list)


def build_tree(answer: LineageAnswer) -> Branch:
    """Return an answer as a tree. A repeated node is written out once."""
    root = Branch(_headline(answer))
    graph, shown = answer.graph, set[str]()
    for node in _topmost(answer):
        branch = Branch(_line(graph.nodes[node]))
        root.branches.append(branch)
        for heading, neighbours in ((_INPUTS, graph.before), (_RESULTS, graph.after)):
            below = _Subtree(answer, neighbours, shown).branches(node)
            if below:
                branch.branches.append(Branch(heading, below))
    return root


def tree_lines(branch: Branch, depth: int = 0) -> Iterator[str]:
    """Yield the lines of a tree, two spaces deeper for each level.

    >>> list(tree_lines(Branch("a", [Branch("b")])))
    ['a', '  b']
    """
    yield f"{'  ' * depth}{branch.text}"
    for below in branch.branches:
        yield from tree_lines(below, depth + 1)


def _headline(answer: LineageAnswer) -> str:
    """Return the reference, and the versions that it concerns: the most frequent question."""
    versions = ", ".join(f"{answer.model}/{version}" for version in answer.versions())
    verb = "made by" if answer.kind == "prediction" else "concerns"
    return one_line(f"{answer.kind} {answer.text}: {verb} {versions or 'no version'}")


def _topmost(answer: LineageAnswer) -> list[str]:
    """Return the roots without another root among their inputs: the others appear below them."""
    roots = set(answer.roots)
    return [root for root in answer.roots if not (answer.graph.causes([root]) - {root}) & roots]


@dataclass(frozen=True)
class _Subtree:
    """The branches in one direction. `shown` are the ids of the nodes that are written out."""

    answer: LineageAnswer
    neighbours: Callable[[str], list[str]]
    shown: set[str]

    def branches(self, node: str) -> list[Branch]:
        near = [self.answer.graph.nodes[each] for each in self.neighbours(node)]
        near.sort(key=lambda each: each.time or "")
        partitions = [each for each in near if each.kind == "partition"]
        if len(partitions) > _MOST_SIBLINGS:
            near = [each for each in near if each.kind != "partition"]
        else:
            partitions = []
        # Of many nodes, the newest say most.
        omitted = len(near[:-_MOST_SIBLINGS])
        branches = [self._branch(each) for each in near[omitted:]]
        if omitted:
            branches.insert(0, Branch(f"{omitted:,} earlier ones, which --json lists"))
        if partitions:
            branches.append(self._grouped(sorted(partitions, key=lambda each: each.id)))
        return branches

    def _branch(self, node: Node) -> Branch:
        if node.id in self.shown:
            return Branch(one_line(f"{node.title} (see above)"))
        self.shown.add(node.id)
        mark = "* " if node.id in self.answer.roots else ""
        return Branch(f"{mark}{_line(node)}", self.branches(node.id))

    def _grouped(self, partitions: list[Node]) -> Branch:
        """Return many partitions as one line, with their common neighbours below it."""
        days = [str(node.facts["partition"]) for node in partitions]
        changed = [node for node in partitions if node.facts.get("cause", "new") != "new"]
        more = f", {len(changed):,} of them restated or made anew" if changed else ""
        days_text = f"{len(partitions):,} partitions {days[0]} to {days[-1]}"
        common = dict.fromkeys(each for node in partitions for each in self.neighbours(node.id))
        return Branch(
            f"{days_text}{more}, which --json lists",
            [self._branch(self.answer.graph.nodes[each]) for each in common],
        )


def _line(node: Node) -> str:
    """Return a node's title, then its time, its author and its run."""
    time = f"{node.time[:19].replace('T', ' ')}Z" if node.time else ""
    who = str(node.facts.get("who") or node.facts.get("requested_by") or "")
    if node.facts.get("proved_by"):
        who += f" (proved by {node.facts['proved_by']})"
    dag = f"{node.dag_id}/" if node.dag_id else ""
    run = f"run {dag}{node.run_id}" if node.run_id else ""
    origin = ", ".join(part for part in (time, who, run) if part)
    return one_line(f"{node.title}  [{origin}]" if origin else node.title)
