"""Thin operators, one file each: they run a stage and turn its errors into Airflow's."""

from airworthy_airflow.operators.approve import ApproveOperator
from airworthy_airflow.operators.check_age import CheckAgeOperator
from airworthy_airflow.operators.check_data import CheckDataOperator
from airworthy_airflow.operators.check_drift import CheckDriftOperator
from airworthy_airflow.operators.check_performance import CheckPerformanceOperator
from airworthy_airflow.operators.check_skew import CheckSkewOperator
from airworthy_airflow.operators.collect import CollectOperator
from airworthy_airflow.operators.decide import DecideOperator
from airworthy_airflow.operators.deploy_production import DeployProductionOperator
from airworthy_airflow.operators.deploy_staging import DeployStagingOperator
from airworthy_airflow.operators.end_rollout import EndRolloutOperator
from airworthy_airflow.operators.evaluate import EvaluateOperator
from airworthy_airflow.operators.ingest import IngestOperator
from airworthy_airflow.operators.ingest_inputs import IngestInputsOperator
from airworthy_airflow.operators.register import RegisterOperator
from airworthy_airflow.operators.rollback import RollbackOperator
from airworthy_airflow.operators.rollout import RolloutOperator
from airworthy_airflow.operators.score import ScoreOperator
from airworthy_airflow.operators.train import TrainOperator
from airworthy_airflow.operators.trigger_retraining import TriggerRetrainingOperator
from airworthy_airflow.operators.validate import ValidateOperator

__all__ = [
    "ApproveOperator",
    "CheckAgeOperator",
    "CheckDataOperator",
    "CheckDriftOperator",
    "CheckPerformanceOperator",
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
    "RollbackOperator",
    "RolloutOperator",
    "ScoreOperator",
    "TrainOperator",
    "TriggerRetrainingOperator",
    "ValidateOperator",
]
