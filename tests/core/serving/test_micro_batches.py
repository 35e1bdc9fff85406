"""Micro-batches: requests predicted in one call."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import xgboost

from airworthy.bundle import Manifest, ModelBundle, bundle_digest, write_bundle
from airworthy.features import Feature
from airworthy.protocol.refusals import RefusedError
from airworthy.release.server_client import split_body
from airworthy.serving.loaded_model import Limits, LoadedModel
from airworthy.serving.micro_batcher import MicroBatcher

from .conftest import FolderRegistry


async def ask_at_once(requests: list[tuple[LoadedModel, bytes]]) -> list[Any]:
    """Return the results of requests sent at the same moment."""
    batcher = MicroBatcher()
    answers = [batcher.predict(loaded, loaded.read(body, Limits())) for loaded, body in requests]
    return list(await asyncio.gather(*answers, return_exceptions=True))


def test_each_request_gets_its_own_rows_from_its_own_version(
    registry: FolderRegistry, rows: pl.DataFrame
) -> None:
    """Requests of one to thirty rows, for two versions, more than fit one call: every answer is the
    offline one.
    """
    loaded = {
        version: LoadedModel.load("eta", version, *registry.bundle("eta", version))
        for version in ("1", "2")
    }
    expected = {
        version: ModelBundle.load(*registry.bundle("eta", version)).predict(rows)
        for version in loaded
    }
    slices = [("12"[n % 2], n % 10, 1 + n % 30) for n in range(200)]
    answers = asyncio.run(
        ask_at_once([(loaded[v], split_body(rows[start : start + n])) for v, start, n in slices])
    )
    for (version, start, number), answer in zip(slices, answers, strict=True):
        assert np.array_equal(
            np.asarray(answer, np.float32), expected[version][start : start + number]
        )


def test_a_request_that_cannot_be_computed_spoils_no_other(tmp_path: Path) -> None:
    """When an expression fails on one request's values, this one is refused; the others are
    answered.
    """
    source = tmp_path / "features.py"
    source.write_text(
        "import polars as pl\nFEATURES = {'number': pl.col('text').cast(pl.Float64)}\n",
        encoding="utf-8",
    )
    data = xgboost.DMatrix(
        np.arange(50.0)[:, None], np.arange(50.0), feature_names=["number"], feature_types=["q"]
    )
    inputs = {"at": "datetime", "text": "string"}
    manifest = Manifest(
        model="m",
        task="regression",
        inputs=inputs,
        features=[Feature(name="number", kind="number")],
    )
    write_bundle(tmp_path / "bundle", manifest, source, xgboost.train({"max_depth": 3}, data, 10))
    loaded = LoadedModel.load("m", "1", tmp_path / "bundle", bundle_digest(tmp_path / "bundle"))
    texts = ["1", "45", "many", "20"]
    bodies = [split_body(pl.DataFrame({"at": ["2026-01-01"], "text": [text]})) for text in texts]
    one, high, bad, middle = asyncio.run(ask_at_once([(loaded, body) for body in bodies]))
    assert one < middle < high
    assert isinstance(bad, RefusedError)
    assert bad.status == 400
    assert "cannot be computed" in str(bad)
    with pytest.raises(RefusedError):
        loaded.predict(bodies[2], Limits())
