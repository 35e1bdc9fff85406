"""Makes the dashboards: ``python infra/grafana/dashboards.py [FOLDER]``, by default where Grafana
is told to look.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from models_in_flight import models_in_flight
from pipelines import pipelines

FOLDER = Path(__file__).with_name("provisioning") / "dashboards"


def main(folder: Path) -> None:
    """Write each dashboard as ``<uid>.json``."""
    for dashboard in (models_in_flight(), pipelines()):
        built = dashboard.build()
        for number, panel in enumerate(built.panels or [], start=1):
            panel.id_val = number
        text = json.dumps(built, cls=JSONEncoder, indent=2, sort_keys=True)
        (folder / f"{built.uid}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else FOLDER)
