"""The gates that hold for a model: those of its spec, and default ones beside them.

The default gates speak of the task's loss. Its own gate of the same metric against the same model
takes the place of a default one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from airworthy.spec import ModelSpec
from airworthy.spec.evaluate_part import LOSS_OF_TASK, DefaultGate, Gate
from airworthy.spec.waivers import waiver_of

DEFAULT_MARGIN = 0.05
"""The loss against the champion that is allowed by default, on all rows."""
DEFAULT_SLICE_MARGIN = 0.10
"""The loss against the champion that must not be proved by default, in a slice."""


@dataclass(frozen=True)
class HeldGate:
    """A gate of a model.

    Attributes:
        gate: The gate.
        default: The default gate's name in ``evaluate.waive``; None: a gate of the spec.
        because: The reason of its waiver; None: the gate counts.
    """

    gate: Gate
    default: DefaultGate | None = None
    because: str | None = None

    @property
    def name(self) -> str:
        """The gate's name for people, such as ``rmse against champion (default)``."""
        return f"{self.gate.name} (default)" if self.default else self.gate.name


def held_gates(spec: ModelSpec) -> list[HeldGate]:
    """Return all gates of a model: the spec's in their order, then the default ones."""
    return [*(HeldGate(gate) for gate in spec.evaluate.gates), *_default_gates(spec)]


def _default_gates(spec: ModelSpec) -> Iterator[HeldGate]:
    loss = LOSS_OF_TASK[spec.task]
    candidates: list[tuple[DefaultGate, Gate]] = [
        ("champion", Gate(metric=loss, against="champion", margin=DEFAULT_MARGIN)),
        ("baseline", Gate(metric=loss, against="baseline", better_by=0.0)),
    ]
    for column in spec.evaluate.slice_columns:
        gate = Gate(metric=loss, against="champion", slice=column, margin=DEFAULT_SLICE_MARGIN)
        candidates.append(("slices", gate))
    own = {(gate.metric, gate.against, gate.slice) for gate in spec.evaluate.gates}
    for default, gate in candidates:
        if (gate.metric, gate.against, gate.slice) not in own:
            waiver = waiver_of(spec.evaluate.waive, default)
            yield HeldGate(gate, default, waiver.because if waiver else None)
