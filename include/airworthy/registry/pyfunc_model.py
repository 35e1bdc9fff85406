"""The code of every logged model ("models from code": nothing is pickled).

MLflow runs this file when it loads a model version.
``mlflow.pyfunc.load_model("models:/NAME@champion")`` takes the same raw rows as the model server.
The digest that was logged with the model is checked before anything of the bundle runs. A caller may
name the ledger's: ``load_model(..., model_config={"bundle_digest": DIGEST})``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import polars as pl
from mlflow.pyfunc import PythonModel
from mlflow.types.type_hints import TypeFromExample

from airworthy.bundle import DIGEST_KEY, ModelBundle
from airworthy.errors import TerminalError
from airworthy.features import polars_schema


class BundleModel(PythonModel):  # type: ignore[misc]  # MLflow is not typed
    """A model bundle as a python function of MLflow."""

    def load_context(self, context: Any) -> None:
        """Load the bundle logged with the model.

        Raises:
            TerminalError: when its files are not those that were logged, or no digest was.
        """
        digest = (context.model_config or {}).get(DIGEST_KEY)
        if not digest:
            raise TerminalError(
                "this model names no digest of its files",
                received=f"no {DIGEST_KEY} in its model_config",
                allowed="a model that the train stage logged",
                next_step=f'load_model(..., model_config={{"{DIGEST_KEY}": DIGEST}}), with the '
                "digest in the ledger",
            )
        self.bundle = ModelBundle.load(Path(context.artifacts["bundle"]), str(digest))

    # The hint makes MLflow pass rows in the form of the input example: a pandas frame.
    def predict(
        self,
        context: Any,  # noqa: ARG002 - MLflow's signature
        model_input: TypeFromExample,
        params: dict[str, Any] | None = None,  # noqa: ARG002 - MLflow's signature
    ) -> Any:
        """Predict raw rows.

        Args:
            context: Of MLflow; not used.
            model_input: A pandas frame of raw rows.
            params: Of MLflow; not used.

        Returns:
            The predictions; see `ModelBundle.predict`.
        """
        schema = polars_schema(self.bundle.manifest.inputs)
        # The event time is the first input.
        optional = [name for name in list(schema)[:1] if not self.bundle.features.reads(name)]
        rows = len(model_input)
        columns = {
            name: pl.Series(name, model_input[name], strict=False)
            if name in model_input or name not in optional
            else pl.Series(name, [None] * rows)
            for name in schema
        }
        frame = pl.DataFrame(columns).select(_cast(name, kind) for name, kind in schema.items())
        return self.bundle.predict(frame)


def _cast(name: str, kind: pl.DataType) -> pl.Expr:
    if isinstance(kind, pl.Datetime):
        return pl.col(name).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return pl.col(name).cast(kind)


mlflow.models.set_model(BundleModel())
