"""The login at MLflow's server: MLflow's own variables, as its clients and the server read them."""

from __future__ import annotations

from typing import Final

USERNAME: Final = "MLFLOW_TRACKING_USERNAME"
PASSWORD: Final = "MLFLOW_TRACKING_PASSWORD"  # noqa: S105 - the name of a variable
TOKEN: Final = "MLFLOW_TRACKING_TOKEN"  # noqa: S105 - the name of a variable
LOGIN_VARIABLES: Final = (USERNAME, PASSWORD, TOKEN)
