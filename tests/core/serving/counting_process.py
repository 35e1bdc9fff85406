"""One worker's metrics in a process of its own: counts what each line of its input says.

    python counting_process.py FOLDER WORKER BUNDLE

A line is JSON: the name of a method of `ServerMetrics` with its arguments; ``loaded`` stands for
the loaded version. Every line is answered with ``done``.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from time import perf_counter

from airworthy.bundle import bundle_digest
from airworthy.serving.loaded_model import LoadedModel
from airworthy.serving.server_metrics import ServerMetrics
from airworthy.serving.shared_metrics import SharedMetrics


def main() -> None:
    """Count until the input ends."""
    folder, worker, bundle = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    metrics = ServerMetrics(SharedMetrics(folder, worker, os.getppid()))
    loaded = LoadedModel.load(bundle.parent.name, bundle.name, bundle, bundle_digest(bundle))
    lost = metrics.lost_records()
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        arguments = [loaded if each == "loaded" else each for each in arguments]
        if name == "answer":
            arm, status, predictions = arguments
            metrics.record_request(loaded, arm, status, predictions, perf_counter())
        elif name == "lose":
            lost()
        else:
            getattr(metrics, name)(*arguments)
        print("done", flush=True)


if __name__ == "__main__":
    main()
