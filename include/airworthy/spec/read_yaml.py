"""Reads a spec's YAML into JSON values, strictly.

It is fast enough for every parse of Airflow's DAG files.
PyYAML accepts some content with later harm. It is refused here: a key used twice (the last would
win in silence), keys other than text (an unquoted ``on`` is a boolean), tags, merge keys, and
aliases that unfold without end. Dates stay text, so a value is the same in YAML, in JSON and in the
JSON Schema. ``1e-5`` is a number.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import JsonValue

from airworthy.spec.faults import Fault, key_path
from airworthy.spec.schema_location import Steps

MAX_BYTES = 256 * 1024
MAX_DEPTH = 40
MAX_VALUES = 20_000
# libyaml's binding recurses without a check and crashes the process on deep nesting. The depth of a
# text is at most its number of opening brackets plus, for block style, twice the length of its
# longest line.
_C_LOADER_DEPTH = 3_000

_C_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
# YAML 1.2.2, 10.3.2. A number with a leading zero is text here: a code, whose zero would be lost.
_BOOLEAN = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
_INTEGER = re.compile(r"^(?:[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+)$")
_FLOAT = re.compile(
    r"^(?:[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)


def _json_like(loader: Any) -> Any:
    """Return a subclass of `loader` with the plain values of YAML 1.2's core schema.

    Dates stay text. PyYAML follows YAML 1.1, in which ``NO`` is false, ``12:30`` is 750 and ``010``
    is 8. Editors follow 1.2.
    """
    replaced = {_TAG + name for name in ("timestamp", "bool", "int", "float")}
    resolvers = {
        first: [(tag, pattern) for tag, pattern in pairs if tag not in replaced]
        for first, pairs in loader.yaml_implicit_resolvers.items()
    }
    subclass: Any = type("JsonLike", (loader,), {"yaml_implicit_resolvers": resolvers})
    subclass.add_implicit_resolver(f"{_TAG}bool", _BOOLEAN, list("tTfF"))
    subclass.add_implicit_resolver(f"{_TAG}int", _INTEGER, list("-+0123456789"))
    subclass.add_implicit_resolver(f"{_TAG}float", _FLOAT, list("-+0123456789."))
    return subclass


_FAST, _SAFE = _json_like(_C_LOADER), _json_like(yaml.SafeLoader)


class UnreadableError(Exception):
    """The text is not a spec at all; carries the faults."""

    def __init__(self, faults: list[Fault]) -> None:
        """Keep the faults."""
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


def read_mapping(path: Path) -> dict[str, JsonValue]:
    """Read a YAML file with a mapping at its top.

    Raises:
        UnreadableError: with all faults of the file.
    """
    node, loader = _compose(path, _text(path))
    if not isinstance(node, yaml.MappingNode):
        received = "an empty file" if node is None else f"a {node.id}"
        raise _unreadable(
            path,
            "",
            "a spec is a mapping of keys",
            received,
            "keys and values, such as model: delivery_eta",
        )
    builder = _ValueBuilder(str(path), loader)
    content: dict[str, JsonValue] = builder.value(node, ())
    if builder.faults:
        raise UnreadableError(builder.faults)
    return content


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _unreadable(path, "", "there is no such file", "nothing", "a model.yaml") from None
    except OSError as error:
        raise _unreadable(
            path, "", "the file cannot be read", error.strerror or str(error), "a readable file"
        ) from None
    if len(content) > MAX_BYTES:
        raise _unreadable(
            path,
            "",
            "the file is too long for a spec",
            f"more than {MAX_BYTES} bytes",
            f"{MAX_BYTES} bytes",
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        received = f"byte 0x{content[error.start]:02x} at position {error.start}"
        raise _unreadable(path, "", "the file is not text in UTF-8", received, "UTF-8") from None


def _compose(path: Path, text: str) -> tuple[Any, Any]:
    depth = text.count("[") + text.count("{") + 2 * max(map(len, text.splitlines()), default=0)
    loader_class = _FAST if depth <= _C_LOADER_DEPTH else _SAFE
    try:
        loader = loader_class(text)
        return loader.get_single_node(), loader
    except RecursionError:
        raise _unreadable(
            path, "", "the file nests too deep", "hundreds of levels", f"{MAX_DEPTH} levels"
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        position = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        received = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
        allowed = "YAML: `key: value` lines, indented with spaces, every quote and bracket closed"
        problem = "the file is not valid YAML"
        raise _unreadable(path, position, problem, received, allowed) from None


def _unreadable(
    path: Path, key: str, problem: str, received: object, allowed: str
) -> UnreadableError:
    return UnreadableError([Fault(str(path), key, problem, received, allowed)])


class _ValueBuilder:
    """Builds the values of the composed nodes, and collects the faults with their key paths."""

    def __init__(self, file: str, loader: Any) -> None:
        self.file = file
        self.faults: list[Fault] = []
        self._values = 0
        self._scalars = {
            "tag:yaml.org,2002:str": lambda node: node.value,
            "tag:yaml.org,2002:int": loader.construct_yaml_int,
            "tag:yaml.org,2002:float": loader.construct_yaml_float,
            "tag:yaml.org,2002:bool": loader.construct_yaml_bool,
            "tag:yaml.org,2002:null": lambda _: None,
        }

    def value(self, node: Any, steps: Steps) -> Any:
        self._values += 1
        if self._values > MAX_VALUES or len(steps) > MAX_DEPTH:
            if self._values <= MAX_VALUES:
                self._fault(
                    steps[:3],
                    "nested too deep, or an alias that contains itself",
                    "...",
                    f"{MAX_DEPTH} levels",
                )
            elif self._values == MAX_VALUES + 1:
                self._fault(
                    steps[:3],
                    "the file unfolds to too many values",
                    "aliases of aliases",
                    f"at most {MAX_VALUES} values",
                )
            self._values = MAX_VALUES + 1
            return None
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._mapping(node, steps)
        if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return [self.value(item, (*steps, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, steps)

    def _mapping(self, node: Any, steps: Steps) -> dict[str, Any]:
        values: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag != "tag:yaml.org,2002:str":
                shown = (
                    key_node.value if isinstance(key_node, yaml.ScalarNode) else f"a {key_node.id}"
                )
                self._fault(
                    steps, f"a key that is not text (line {line})", shown, "text; put it in quotes"
                )
                continue
            key = key_node.value
            if key in values:
                received = f"on line {lines[key]} and on line {line}"
                self._fault((*steps, key), "this key appears twice", received, "each key once")
            lines[key] = line
            values[key] = self.value(value_node, (*steps, key))
        return values

    def _scalar(self, node: Any, steps: Steps) -> Any:
        construct = self._scalars.get(node.tag) if isinstance(node, yaml.ScalarNode) else None
        if construct is None:
            self._fault(
                steps, "a tag that a spec cannot have", node.tag, "plain values without a `!` tag"
            )
            return None
        try:
            return construct(node)
        except (ValueError, KeyError, IndexError):
            self._fault(
                steps, "not a value of its tag", f"{node.tag} {node.value[:60]!r}", "a plain value"
            )
            return None

    def _fault(self, steps: Steps, problem: str, received: object, allowed: str) -> None:
        self.faults.append(Fault(self.file, key_path(steps), problem, received, allowed))
