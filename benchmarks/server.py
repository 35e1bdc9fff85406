"""The model server against ``mlflow models serve`` and against XGBoost in process.

    python benchmarks/server.py                          a model built for the purpose
    python benchmarks/server.py --registered MODEL       the champion of a registered model

Ours runs twice: plain, and as in the middle of a release, with a canary's flags evaluated per
request and every answer logged. All servers run the same model side by side, one worker each, and
are measured in turns: the machine's other work meets all of them. Ratios hold from machine to
machine; requests/s do not.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from load.load_client import Measured, drive
from load.server_processes import free_port, process

if TYPE_CHECKING:
    import polars as pl
    from fastapi import FastAPI

    from airworthy.serving.shared_metrics import SharedMetrics

PROJECT = Path(__file__).resolve().parents[1]
TURNS, TURN_SECONDS, WARM_SECONDS = 3, 0.8, 0.2
PLAIN, CANARY, MLFLOW = "airworthy", "with canary and log", "mlflow models serve"
CASES = ((1, 1), (1, 8), (100, 1), (100, 8))  # rows a request, clients


@dataclass(frozen=True)
class Case:
    """One served model: a bundle for our server, and the same bundle as a logged model for
    MLflow's.
    """

    bundle: Path
    mlflow_model: str
    row: dict[str, Any]


def measure(
    ports: dict[str, tuple[int, str]], row: dict[str, Any]
) -> dict[tuple[str, int, int], Measured]:
    """Measure every server in every case, in turns."""
    import uvloop

    result: dict[tuple[str, int, int], Measured] = {}
    for rows, clients in CASES:
        split = {"columns": list(row), "data": [list(row.values())] * rows}
        body = json.dumps({"dataframe_split": split}).encode()
        for turn in range(TURNS):
            for name in sorted(ports, reverse=bool(turn % 2)):
                port, path = ports[name]
                uvloop.run(drive(port, path, body, clients, WARM_SECONDS))
                part = uvloop.run(drive(port, path, body, clients, TURN_SECONDS))
                whole = result.setdefault((name, rows, clients), Measured())
                whole.latencies += part.latencies
                whole.seconds += part.seconds
    return result


def in_process(case: Case, rows: int) -> dict[str, Measured]:
    """Measure the same rows without any server: `inplace_predict` alone, and with the features
    before it.
    """
    import polars as pl

    from airworthy.bundle import ModelBundle
    from airworthy.protocol.input_columns import InputColumn

    bundle = ModelBundle.load(case.bundle)
    bundle.booster.set_param({"nthread": 1})
    inputs = bundle.manifest.inputs
    columns = {
        name: InputColumn(name, kind, True).read([case.row[name]] * rows)
        for name, kind in inputs.items()
    }
    from airworthy.features import polars_schema

    frame = pl.DataFrame(
        [pl.Series(name, columns[name], dtype=kind) for name, kind in polars_schema(inputs).items()]
    )
    matrix = bundle.features.matrix(frame)
    return {
        "inplace_predict": _timed(lambda: bundle.booster.inplace_predict(matrix)),
        "features + inplace_predict": _timed(lambda: bundle.predict(frame)),
    }


def _timed(call: Callable[[], object]) -> Measured:
    measured, started = Measured(), time.perf_counter()
    while measured.seconds < TURN_SECONDS:
        before = time.perf_counter()
        call()
        measured.latencies.append(time.perf_counter() - before)
        measured.seconds = time.perf_counter() - started
    return measured


def built_case(folder: Path) -> Case:
    """Return a built bundle, logged for MLflow too."""
    bundle, plain, inputs = built_bundle(folder)
    return Case(bundle, _logged(folder, inputs, plain.to_pandas()), row_of(plain))


def row_of(plain: pl.DataFrame) -> dict[str, Any]:
    """Return the first row as JSON values."""
    return {
        name: v.isoformat() if hasattr(v, "isoformat") else v
        for name, v in plain.row(0, named=True).items()
    }


def built_bundle(folder: Path) -> tuple[Path, pl.DataFrame, dict[str, str]]:
    """Train a model of 200 trees on the inputs and features of ``delivery_eta``.

    Returns:
        The bundle's folder, three raw rows, and the inputs with their types.
    """
    import numpy as np
    import polars as pl
    import xgboost

    from airworthy.bundle import Manifest, write_bundle
    from airworthy.features import (
        FeatureSet,
        check_expressions,
        fit_features,
        load_expressions,
        polars_schema,
    )
    from airworthy.spec import load_spec

    model = PROJECT / "include" / "models" / "delivery_eta"
    inputs = load_spec(model / "model.yaml").inputs
    random = np.random.default_rng(0)
    number = 4000
    values: dict[str, Any] = {
        "float": random.gamma(2.0, 4.0, number),
        "int": random.integers(1, 12, number),
        "bool": random.random(number) < 0.5,
        "category": random.choice(["amber", "blue", "clear", "dusk"], number),
        "string": random.choice(["short", "a longer text"], number),
        "datetime": 1_767_225_600_000_000 + random.integers(0, 30 * 86_400, number) * 1_000_000,
    }
    schema = polars_schema(inputs)
    frame = pl.DataFrame(
        [pl.Series(n, random.permutation(values[k]).tolist(), schema[n]) for n, k in inputs.items()]
    )
    expressions = load_expressions(model / "features.py")
    types = check_expressions(expressions, inputs, model / "features.py")
    features = fit_features(expressions, types, [frame.lazy()])
    encoder = FeatureSet(expressions, features)
    matrix = encoder.matrix(frame)
    label = np.nan_to_num(matrix).sum(axis=1) + random.normal(0, 1, number)
    data = xgboost.DMatrix(matrix, label, feature_types=encoder.types, enable_categorical=True)
    booster = xgboost.train({"max_depth": 6, "nthread": 2}, data, 200)
    manifest = Manifest(model="delivery_eta", task="regression", inputs=inputs, features=features)
    write_bundle(folder / "bundle", manifest, model / "features.py", booster)
    # Times without a zone: MLflow's signatures know no other, and both servers take them as UTC.
    plain = frame.head(3).with_columns(pl.col(pl.Datetime).dt.replace_time_zone(None))
    return folder / "bundle", plain, dict(inputs)


def _logged(folder: Path, inputs: dict[str, str], example: Any) -> str:
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types.schema import ColSpec, Schema

    kinds = {"float": "double", "int": "long", "bool": "boolean", "datetime": "datetime"}
    columns = Schema(
        [ColSpec(kinds.get(kind, "string"), name, required=False) for name, kind in inputs.items()]
    )
    code = PROJECT / "include" / "airworthy" / "registry" / "pyfunc_model.py"
    mlflow.pyfunc.save_model(
        str(folder / "logged"),
        python_model=str(code),
        artifacts={"bundle": str(folder / "bundle")},
        signature=ModelSignature(inputs=columns),
        input_example=example,
        pip_requirements=["xgboost"],
    )
    return str(folder / "logged")


def registered_case(model: str) -> Case:
    """Take the champion of a model in the environment, by its ledger."""
    from airworthy.environment import load_environment
    from airworthy.registry.registry import open_registry
    from airworthy.traffic.current_traffic import current_champion

    environment = load_environment()
    registry = open_registry(environment)
    version = current_champion(environment, model)
    example = registry.example(model, version) if version else None
    if version is None or example is None or "dataframe_split" not in example:
        raise SystemExit(
            f"{model} has no champion with an example: run it first (airworthy run {model})"
        )
    os.environ["MLFLOW_TRACKING_URI"] = environment.tracking_uri
    split = example["dataframe_split"]
    row = dict(zip(split["columns"], split["data"][0], strict=True))
    return Case(registry.bundle(model, version)[0], f"models:/{model}/{version}", row)


class OneBundle:
    """A registry with one bundle behind every version of its model."""

    def __init__(self, folder: Path) -> None:
        """Keep the bundle's folder."""
        self._folder = folder

    def bundle(self, model: str, version: str) -> tuple[Path, str]:
        """Return the bundle and its digest."""
        from airworthy.bundle import bundle_digest

        return self._folder, bundle_digest(self._folder)

    def aliases(self) -> dict[str, dict[str, str]]:
        """Return none."""
        return {}

    def is_foreign(self, model: str, version: str | None) -> bool:
        """Return that no version is another environment's."""
        return False

    def example(self, model: str, version: str) -> dict[str, Any] | None:
        """Return none."""
        return None


def bundle_app(
    folder: Path, lake: Path, spool: Path | None, shared_metrics: SharedMetrics | None = None
) -> FastAPI:
    """Return our server's app for one bundle.

    Args:
        folder: The bundle.
        lake: Has the ledger of the model ``benchmark``.
        spool: Of the prediction log. None: no log.
        shared_metrics: The metrics of all workers. None: the server is one process.
    """
    from airworthy.predictions.spool import PredictionLog
    from airworthy.serving.app import create_app
    from airworthy.serving.record_reader import Following, LakeRecord

    return create_app(
        lambda: OneBundle(folder),
        Following(LakeRecord(str(lake))),
        lambda: None,
        prediction_log=PredictionLog(spool) if spool else None,
        shared_metrics=shared_metrics,
    )


def serve_bundle(folder: Path, port: int, lake: Path, spool: Path | None = None) -> None:
    """Serve one bundle with our server, with a prediction log if given, in a child process.

    Args:
        folder: The bundle.
        port: On loopback.
        lake: Has the ledger of the model ``benchmark``.
        spool: Of the prediction log. None: no log.
    """
    os.environ["POLARS_MAX_THREADS"] = "1"
    from airworthy.server_limits import ServerLimits
    from airworthy.serving.uvicorn_server import serve_alone

    serve_alone(lambda _: bundle_app(folder, lake, spool), "127.0.0.1", port, ServerLimits())


def record(lake: Path, bundle: Path, *, with_canary: bool) -> Path:
    """Write a ledger with a champion, version 1, and perhaps a canary of 10 %; return its lake.

    Args:
        lake: The folder to write.
        bundle: The files of both versions.
        with_canary: Version 2 is under rollout.
    """
    from filelock import FileLock

    from airworthy.bundle import bundle_digest
    from airworthy.ledger.events import AliasMove, RolloutStep
    from airworthy.ledger.ledger import Ledger

    lake.mkdir()
    digest = bundle_digest(bundle)
    lock = FileLock(lake / "ledger.lock")
    ledger = Ledger(f"{lake}/benchmark/ledger", "benchmark", lock)
    move = AliasMove(to="1", bundle_digest=digest)
    ledger.append(move, run_id="benchmark", who="benchmark")
    if with_canary:
        step = RolloutStep(
            version="2",
            step=10,
            state="begun",
            champion="1",
            since=datetime.now(UTC),
            bundle_digest=digest,
        )
        ledger.append(step, run_id="benchmark", who="benchmark")
    return lake


def compare(case: Case, scratch: Path) -> None:
    """Start all servers, measure, and print the table."""
    plain = ["--lake", str(record(scratch / "plain", case.bundle, with_canary=False))]
    canary = ["--lake", str(record(scratch / "canary", case.bundle, with_canary=True))]
    canary += ["--spool", str(scratch / "spool")]
    ports: dict[str, tuple[int, str]] = {}
    with ExitStack() as running:
        for name, more in ((PLAIN, plain), (CANARY, canary)):
            port = free_port()
            serve = [
                sys.executable,
                __file__,
                "--serve-bundle",
                str(case.bundle),
                "--port",
                str(port),
                *more,
            ]
            running.enter_context(
                process(serve, f"http://127.0.0.1:{port}/health/ready", scratch / f"{port}.log")
            )
            ports[name] = (port, "/models/benchmark/invocations")
        port = free_port()
        mlflow = [
            sys.executable,
            "-m",
            "mlflow",
            "models",
            "serve",
            "-m",
            case.mlflow_model,
            "--env-manager",
            "local",
        ]
        mlflow += ["-h", "127.0.0.1", "-p", str(port), "--workers", "1"]
        running.enter_context(
            process(mlflow, f"http://127.0.0.1:{port}/ping", scratch / "mlflow.log")
        )
        ports[MLFLOW] = (port, "/invocations")
        result = measure(ports, case.row)
    _print(result, case)


def _print(result: dict[tuple[str, int, int], Measured], case: Case) -> None:
    print(f"{'':28}{'rows':>5}{'clients':>9}{'req/s':>10}{'p50 ms':>9}{'p99 ms':>9}")
    for (name, rows, clients), measured in result.items():
        _line(name, rows, str(clients), measured)
    for rows in (1, 100):
        for name, measured in in_process(case, rows).items():
            _line(name, rows, "-", measured)
    print()
    for rows, clients in CASES:
        plain, canary, theirs = (
            result[name, rows, clients].per_second for name in (PLAIN, CANARY, MLFLOW)
        )
        print(
            f"airworthy / {MLFLOW}, {rows:>3} rows, {clients} clients: {plain / theirs:6.1f}x requests/s, "
            f"{canary / theirs:.1f}x {CANARY}"
        )


def _line(name: str, rows: int, clients: str, measured: Measured) -> None:
    p50, p99 = measured.percentile(0.5), measured.percentile(0.99)
    print(f"{name:28}{rows:>5}{clients:>9}{measured.per_second:>10.0f}{p50:>9.2f}{p99:>9.2f}")


def main() -> None:
    """Run the benchmark, or one server for it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--registered", metavar="MODEL", help="measure this model's champion")
    parser.add_argument("--serve-bundle", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--spool", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--lake", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve_bundle:
        serve_bundle(options.serve_bundle, options.port, options.lake, options.spool)
        return
    with tempfile.TemporaryDirectory() as temporary:
        compare(
            registered_case(options.registered)
            if options.registered
            else built_case(Path(temporary)),
            Path(temporary),
        )


if __name__ == "__main__":
    main()
