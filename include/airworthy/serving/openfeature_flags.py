"""LiveRollouts' flags, asked per request through OpenFeature.

The evaluation is flagd's own, in process (`FlagdCore`), behind an OpenFeature provider of ours. The file resolver of
flagd's provider evaluates the same; but it passes over a file whose time is older than the last one's (a copy that is
put back), lets one broken flag hold up all others, writes a traceback twice a second while a file is broken, and
brings gRPC along.
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

from airworthy.release.rollout_flags import KILL_SWITCH, ROLLOUT, SHADOW, Rollout, flag_key
from airworthy.serving.flag_file import EVALUATORS, Content

Context = EvaluationContext | None


class FlagdProvider(AbstractProvider):
    """An OpenFeature provider on flags that were read."""

    def __init__(self) -> None:
        """Start without flags."""
        super().__init__()
        self._core = FlagdCore()

    def get_metadata(self) -> Metadata:
        """Return the provider's name."""
        return Metadata("flagd core")

    def take(self, content: Content) -> None:
        """Evaluate these flags from now on, and tell those who listen to OpenFeature's events."""
        flags = {key: flag for group in content.flags.values() for key, flag in group.items()}
        document = json.dumps({"flags": flags, EVALUATORS: content.evaluators})
        changed = self._core.set_flags_and_get_changed_keys(document)
        self.emit_provider_configuration_changed(ProviderEventDetails(flags_changed=changed))

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: Context = None
    ) -> FlagResolutionDetails[bool]:
        """Evaluate a flag of truth values."""
        return self._core.resolve_boolean_value(flag_key, default_value, evaluation_context)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: Context = None
    ) -> FlagResolutionDetails[str]:
        """Evaluate a flag of texts."""
        return self._core.resolve_string_value(flag_key, default_value, evaluation_context)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: Context = None
    ) -> FlagResolutionDetails[int]:
        """Evaluate a flag of whole numbers."""
        return self._core.resolve_integer_value(flag_key, default_value, evaluation_context)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: Context = None
    ) -> FlagResolutionDetails[float]:
        """Evaluate a flag of numbers."""
        return self._core.resolve_float_value(flag_key, default_value, evaluation_context)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: Context = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        """Evaluate a flag of objects."""
        return self._core.resolve_object_value(flag_key, default_value, evaluation_context)


class Flags:
    """One server's flags, behind an OpenFeature client of its own domain: several servers may share a process."""

    def __init__(self) -> None:
        """Start without flags."""
        self._domain = f"airworthy-{uuid4()}"
        self._provider = FlagdProvider()
        api.set_provider_and_wait(self._provider, self._domain)
        self._client = api.get_client(self._domain)

    def take(self, content: Content) -> None:
        """Evaluate these flags from now on."""
        self._provider.take(content)

    def of(self, model: str, content: Content) -> RolloutFlags:
        """Return the flags of a model that has a rollout by what was taken."""
        return RolloutFlags(self._client, model, content.flags[model], content.rollouts[model])

    def killed(self, model: str) -> bool:
        """Tell whether a model's kill switch is thrown."""
        return self._client.get_boolean_value(flag_key(model, KILL_SWITCH), False)

    def close(self) -> None:
        """Let go of the provider: OpenFeature keeps it for the whole process otherwise."""
        api.set_provider(NoOpProvider(), self._domain)


class RolloutFlags:
    """The flags of one model's rollout.

    A flag without targeting is the same for every key, so it is evaluated once; the others are evaluated per request.
    """

    def __init__(
        self, client: OpenFeatureClient, model: str, flags: dict[str, Any], rollout: Rollout
    ) -> None:
        """Prepare the flags.

        Args:
            client: Evaluates them.
            model: The model's name.
            flags: The model's flags, as the file has them.
            rollout: The step that they say.
        """
        self.rollout = rollout
        self._version = _asking(client.get_string_details, flag_key(model, ROLLOUT), "", flags)
        self._shadow = _asking(client.get_string_details, flag_key(model, SHADOW), "", flags)
        self._killed = _asking(
            client.get_boolean_details, flag_key(model, KILL_SWITCH), False, flags
        )

    def challenger_answers(self, key: str) -> bool:
        """Tell whether the challenger answers requests with this targeting key."""
        return bool(self._version(key) == self.rollout.challenger and not self._killed(key))

    def challenger_shadows(self, key: str) -> bool:
        """Tell whether the challenger is asked as well, its answer being only logged."""
        return bool(self._shadow(key) == self.rollout.challenger and not self._killed(key))


def _asking(
    evaluate: Callable[..., FlagEvaluationDetails[Any]],
    key: str,
    default: Any,
    flags: dict[str, Any],
) -> Callable[[str], Any]:
    """Return a function of the targeting key that gives the flag's value; the default where it cannot be evaluated."""
    if flags.get(key, {}).get("targeting"):
        return lambda targeting_key: evaluate(key, default, EvaluationContext(targeting_key)).value
    value = evaluate(key, default).value
    return lambda targeting_key: value
