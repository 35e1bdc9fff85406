"""Thin operators. Each runs a stage and turns its errors into Airflow's; one module for each DAG's part."""

from airworthy_airflow.operators.approve_operator import ApproveOperator
from airworthy_airflow.operators.monitor_operators import (
    CheckAgeOperator,
    CheckDataOperator,
    CheckDriftOperator,
    CheckPerformanceOperator,
    CheckRequestsOperator,
    CheckSkewOperator,
    CollectOperator,
    DecideOperator,
)
from airworthy_airflow.operators.release_operators import (
    DeployProductionOperator,
    DeployStagingOperator,
    RollbackOperator,
)
from airworthy_airflow.operators.rollout_operator import EndRolloutOperator, RolloutOperator
from airworthy_airflow.operators.score_operators import IngestInputsOperator, ScoreOperator
from airworthy_airflow.operators.train_operators import (
    EvaluateOperator,
    IngestOperator,
    RegisterOperator,
    TrainOperator,
    ValidateOperator,
)
from airworthy_airflow.operators.trigger_retraining import TriggerRetrainingOperator
from airworthy_airflow.operators.watch_operators import (
    RollbackDrillOperator,
    WatchOperator,
    WatchRollbackOperator,
)

__all__ = [
    "ApproveOperator",
    "CheckAgeOperator",
    "CheckDataOperator",
    "CheckDriftOperator",
    "CheckPerformanceOperator",
    "CheckRequestsOperator",
    "CheckSkewOperator",
    "CollectOperator",
    "DecideOperator",
    "DeployProductionOperator",
    "DeployStagingOperator",
    "EndRolloutOperator",
    "EvaluateOperator",
    "IngestInputsOperator",
    "IngestOperator",
    "RegisterOperator",
    "RollbackDrillOperator",
    "RollbackOperator",
    "RolloutOperator",
    "ScoreOperator",
    "TrainOperator",
    "TriggerRetrainingOperator",
    "ValidateOperator",
    "WatchOperator",
    "WatchRollbackOperator",
]
