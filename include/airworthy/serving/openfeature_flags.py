"""Flags of rollouts, evaluated per request through OpenFeature.

flagd's own evaluation (`FlagdCore`) runs in process, behind an OpenFeature provider of ours. The
file resolver of flagd's provider evaluates the same way, but it ignores a file with an older time
than the last one (a restored copy). One broken flag stops all others there, a broken file writes a
traceback twice a second, and it needs gRPC.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEventDetails
from openfeature.flag_evaluation import FlagEvaluationDetails, FlagResolutionDetails, FlagValueType
from openfeature.provider import AbstractProvider, Metadata
from openfeature.provider.no_op_provider import NoOpProvider

from airworthy.release.rollout_flags import KILL_SWITCH, ROLLOUT, SHADOW, flag_key
from airworthy.serving.flag_file import EVALUATORS
from airworthy.traffic.traffic_state import Rollout

Context = EvaluationContext | None
ModelFlags = dict[str, dict[str, Any]]


class FlagdProvider(AbstractProvider):
    """An OpenFeature provider of flags in flagd's format."""

    def __init__(self) -> None:
        """Start without flags."""
        super().__init__()
        self._core = FlagdCore()

    def get_metadata(self) -> Metadata:
        """Return the provider's name."""
        return Metadata("flagd core")

    def update(self, flags: ModelFlags, evaluators: dict[str, Any]) -> None:
        """Evaluate these flags from now on, and emit OpenFeature's event of a change.

        `flags` are by model and key. `evaluators` are shared by all flags.
        """
        by_key = {key: flag for group in flags.values() for key, flag in group.items()}
        document = json.dumps({"flags": by_key, EVALUATORS: evaluators})
        changed = self._core.set_flags_and_get_changed_keys(document)
        self.emit_provider_configuration_changed(ProviderEventDetails(flags_changed=changed))

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: Context = None
    ) -> FlagResolutionDetails[bool]:
        """Evaluate a boolean flag.

        Args:
            flag_key: The flag's key.
            default_value: The value after an error.
            evaluation_context: The targeting key and attributes.
        """
        return self._core.resolve_boolean_value(flag_key, default_value, evaluation_context)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: Context = None
    ) -> FlagResolutionDetails[str]:
        """Evaluate a string flag.

        Args:
            flag_key: The flag's key.
            default_value: The value after an error.
            evaluation_context: The targeting key and attributes.
        """
        return self._core.resolve_string_value(flag_key, default_value, evaluation_context)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: Context = None
    ) -> FlagResolutionDetails[int]:
        """Evaluate an integer flag.

        Args:
            flag_key: The flag's key.
            default_value: The value after an error.
            evaluation_context: The targeting key and attributes.
        """
        return self._core.resolve_integer_value(flag_key, default_value, evaluation_context)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: Context = None
    ) -> FlagResolutionDetails[float]:
        """Evaluate a float flag.

        Args:
            flag_key: The flag's key.
            default_value: The value after an error.
            evaluation_context: The targeting key and attributes.
        """
        return self._core.resolve_float_value(flag_key, default_value, evaluation_context)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: Context = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        """Evaluate an object flag.

        Args:
            flag_key: The flag's key.
            default_value: The value after an error.
            evaluation_context: The targeting key and attributes.
        """
        return self._core.resolve_object_value(flag_key, default_value, evaluation_context)


class Flags:
    """One server's flags. The OpenFeature domain is unique: servers may share a process."""

    def __init__(self) -> None:
        """Start without flags."""
        self._domain = f"airworthy-{uuid4()}"
        self._provider = FlagdProvider()
        api.set_provider_and_wait(self._provider, self._domain)
        self._client = api.get_client(self._domain)

    def update(self, flags: ModelFlags, evaluators: dict[str, Any]) -> None:
        """Evaluate these flags, by model and key, from now on."""
        self._provider.update(flags, evaluators)

    def for_model(self, model: str, flags: dict[str, Any], rollout: Rollout) -> RolloutFlags:
        """Return the flags of a model's step.

        Args:
            model: The model's name.
            flags: The model's flags by key, of the last update.
            rollout: The step.
        """
        return RolloutFlags(self._client, model, flags, rollout)

    def kill_switch_on(self, model: str) -> bool:
        """Tell whether a model's kill switch is on."""
        return self._client.get_boolean_value(flag_key(model, KILL_SWITCH), False)

    def close(self) -> None:
        """Release the provider. OpenFeature would keep it until the process ends."""
        api.set_provider(NoOpProvider(), self._domain)


class RolloutFlags:
    """The flags of one model's rollout.

    A flag without targeting has the same value for every key, so it is evaluated once. The others
    are evaluated per request.
    """

    def __init__(
        self, client: OpenFeatureClient, model: str, flags: dict[str, Any], rollout: Rollout
    ) -> None:
        """Prepare the flags.

        Args:
            client: Evaluates the flags.
            model: The model's name.
            flags: The model's flags by key.
            rollout: The rollout step.
        """
        self.rollout = rollout
        self._version = _evaluator(client.get_string_details, flag_key(model, ROLLOUT), "", flags)
        self._shadow = _evaluator(client.get_string_details, flag_key(model, SHADOW), "", flags)
        self._kill_switch = _evaluator(
            client.get_boolean_details, flag_key(model, KILL_SWITCH), False, flags
        )

    def challenger_answers(self, key: str) -> bool:
        """Tell whether the challenger answers requests with this targeting key."""
        return bool(self._version(key) == self.rollout.challenger and not self._kill_switch(key))

    def challenger_shadows(self, key: str) -> bool:
        """Tell whether the challenger predicts too. Its predictions are only logged."""
        return bool(self._shadow(key) == self.rollout.challenger and not self._kill_switch(key))


def _evaluator(
    evaluate: Callable[..., FlagEvaluationDetails[Any]],
    key: str,
    default: Any,
    flags: dict[str, Any],
) -> Callable[[str], Any]:
    """Return a function from a targeting key to the flag's value (the default after an error)."""
    if flags.get(key, {}).get("targeting"):
        return lambda targeting_key: evaluate(key, default, EvaluationContext(targeting_key)).value
    value = evaluate(key, default).value
    return lambda _targeting_key: value
