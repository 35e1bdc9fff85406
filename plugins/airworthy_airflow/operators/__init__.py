"""Thin operators, one file each: they run a stage and turn its errors into Airflow's."""

from airworthy_airflow.operators.deploy_production import DeployProductionOperator
from airworthy_airflow.operators.deploy_staging import DeployStagingOperator
from airworthy_airflow.operators.evaluate import EvaluateOperator
from airworthy_airflow.operators.ingest import IngestOperator
from airworthy_airflow.operators.register import RegisterOperator
from airworthy_airflow.operators.rollback import RollbackOperator
from airworthy_airflow.operators.train import TrainOperator
from airworthy_airflow.operators.validate import ValidateOperator

__all__ = [
    "DeployProductionOperator",
    "DeployStagingOperator",
    "EvaluateOperator",
    "IngestOperator",
    "RegisterOperator",
    "RollbackOperator",
    "TrainOperator",
    "ValidateOperator",
]
