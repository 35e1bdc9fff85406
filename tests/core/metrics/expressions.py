"""The PromQL of dashboards and alert rules, and the names in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import yaml

from airworthy.project import project_folder

DASHBOARDS = project_folder() / "infra" / "grafana" / "provisioning" / "dashboards"
RULES = project_folder() / "infra" / "prometheus" / "airworthy.rules.yml"
# As Grafana fills in its variables.
_FILLED = {"$__rate_interval": "1m", "$model": "eta|late", "$stage": "train|evaluate"}
_NAME = re.compile(r"\b(?:airworthy|airflow|process)_[a-z0-9_]+\b|\bup\b|\bALERTS\b")
_SELECTOR = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*)\{([^}]*)\}")
_GROUPING = re.compile(r"\b(?:by|on|group_left)\s*\(([^)]*)\)")


def dashboard_expressions() -> Iterator[str]:
    """Return every panel's expressions, with its variables filled in."""
    for path in sorted(DASHBOARDS.glob("*.json")):
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            for target in panel.get("targets", []):
                expression = target["expr"]
                for variable, value in _FILLED.items():
                    expression = expression.replace(variable, value)
                assert "$" not in expression, expression
                yield expression


def dashboard_choices() -> Iterator[tuple[str, str]]:
    """Return metric and label of each choice above a dashboard."""
    for path in sorted(DASHBOARDS.glob("*.json")):
        for variable in json.loads(path.read_text(encoding="utf-8"))["templating"]["list"]:
            match = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"])
            assert match is not None, variable["query"]
            yield match[1], match[2]


def rule_expressions() -> Iterator[str]:
    """Return every rule's expression."""
    for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


def expressions() -> list[str]:
    """Return all of them."""
    return [*dashboard_expressions(), *rule_expressions()]


def names_in(expression: str) -> set[str]:
    """Return an expression's series."""
    return set(_NAME.findall(re.sub(r'"[^"]*"', '""', expression)))


def matched_labels(expression: str) -> dict[str, set[str]]:
    """Return the labels of an expression's selectors: name -> labels."""
    return {
        name: set(re.findall(r"([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)", inside))
        for name, inside in _SELECTOR.findall(expression)
    }


def grouped_labels(expression: str) -> set[str]:
    """Return the labels of an expression's groupings and joins."""
    return {
        label.strip()
        for inside in _GROUPING.findall(expression)
        for label in inside.split(",")
        if label.strip()
    }
