"""Prints the alerts as a PrometheusRule of the Prometheus operator: ``python prometheus_rule.py``.

The alerts are those of infra/prometheus/airworthy.rules.yml. A PrometheusRule has them as fields and
not as text, which no generator of kustomize makes from a file.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

RULES = Path(__file__).resolve().parents[2] / "prometheus" / "airworthy.rules.yml"
LABELS = {"app.kubernetes.io/part-of": "airworthy", "app.kubernetes.io/component": "monitoring"}


def main() -> None:
    """Print the manifest as YAML."""
    yaml.safe_dump(prometheus_rule(RULES), sys.stdout, sort_keys=False, allow_unicode=True)


def prometheus_rule(rules: Path) -> dict[str, Any]:
    """Return the manifest with the groups of a file of Prometheus' rules."""
    groups = yaml.safe_load(rules.read_text("utf-8"))["groups"]
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "airworthy", "labels": LABELS},
        "spec": {"groups": groups},
    }


if __name__ == "__main__":
    main()
