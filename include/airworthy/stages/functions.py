"""The stage functions by name. A stage's libraries are imported only when it runs."""

from __future__ import annotations

from collections.abc import Callable

from airworthy.handover import StageOutput


def stage_function(name: str) -> Callable[..., StageOutput]:
    """Return the function of a stage.

    Args:
        name: A key of `airworthy.handover.catalogue.STAGES` or `OPERATIONS`.

    Raises:
        KeyError: when there is no such stage.
    """
    match name:
        case "ingest":
            from airworthy.stages.ingest import ingest

            return ingest
        case "validate":
            from airworthy.stages.validate import validate

            return validate
        case "train":
            from airworthy.stages.train import train

            return train
        case "evaluate":
            from airworthy.stages.evaluate import evaluate

            return evaluate
        case "register":
            from airworthy.stages.register import register

            return register
        case "deploy_staging":
            from airworthy.stages.deploy_staging import deploy_staging

            return deploy_staging
        case "deploy_production":
            from airworthy.stages.deploy_production import deploy_production

            return deploy_production
        case "approval":
            from airworthy.stages.approval import approval

            return approval
        case "rollout":
            from airworthy.stages.rollout import rollout

            return rollout
        case "rollback":
            from airworthy.stages.rollback import rollback

            return rollback
        case "watch":
            from airworthy.stages.watch import watch

            return watch
        case "rollback_drill":
            from airworthy.stages.rollback_drill import rollback_drill

            return rollback_drill
        case "check_age":
            from airworthy.stages.check_age import check_age

            return check_age
        case "check_requests":
            from airworthy.stages.check_requests import check_requests

            return check_requests
        case "check_data":
            from airworthy.stages.check_data import check_data

            return check_data
        case "check_skew":
            from airworthy.stages.check_skew import check_skew

            return check_skew
        case "check_drift":
            from airworthy.stages.check_drift import check_drift

            return check_drift
        case "check_performance":
            from airworthy.stages.check_performance import check_performance

            return check_performance
        case "decide":
            from airworthy.stages.decide import decide

            return decide
        case "ingest_inputs":
            from airworthy.stages.ingest_inputs import ingest_inputs

            return ingest_inputs
        case "score":
            from airworthy.stages.score import score

            return score
    raise KeyError(name)
