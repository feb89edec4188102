"""What commands return: their JSON, as docs/json.md describes it."""

from __future__ import annotations

from typing import Any, Literal, TypedDict


class PlanRow(TypedDict):
    """The memory of one batch size, in bytes."""

    batch_size: int
    parameters_bytes: int
    gradients_bytes: int
    optimizer_state_bytes: int
    batch_bytes: int
    activations_bytes: int
    workspace_bytes: int
    dataset_bytes: int
    total_bytes: int
    """The sum of the seven."""
    operations: int
    """Arithmetic of a step."""
    step_bytes: int
    least_step_bytes: int
    """What a step takes at least, however its buffers are placed."""
    lesson_bytes: int
    """As lessons count."""
    fits: bool | None
    """Whether the total is within the budget."""
    explanation: list[dict[str, Any]] | None
    comparison: list[dict[str, Any]] | None
    owners: dict[str, Any] | None


class Plan(TypedDict):
    """The result of `plan`."""

    network: str
    parameters: int
    device: str
    budget_bytes: int | None
    rows: list[PlanRow]
    levers: list[dict[str, Any]] | None
    timeline: dict[str, Any] | None


class Trial(TypedDict):
    """A size that was really reserved."""

    batch_size: int
    total_bytes: int
    fits: bool
    free_bytes: int | None


class Throughput(TypedDict):
    """Speed at a batch size."""

    batch_size: int
    samples_per_second: float


class Fit(TypedDict):
    """The result of `fit`."""

    network: str
    device: str
    gpu_memory: dict[str, Any] | None
    method: Literal["solve", "double"]
    safety: float
    max_batch_size: int
    recommended_batch_size: int
    knee_batch_size: int | None
    eval_batch_size: int | None
    stopped_by: Literal["budget", "device-memory", "dataset-size", "max-batch", "index-limit", "time"]
    budget_bytes: int | None
    total_bytes: int
    measured_bytes: int
    next_total_bytes: int | None
    levers: list[dict[str, Any]] | None
    trials: list[Trial]
    throughput: list[Throughput]


class Start(TypedDict):
    """A run begins."""

    event: Literal["start"]
    dataset: str
    train_samples: int
    validation_samples: int
    test_samples: int
    device: str
    parameters: int
    batch_size: int
    micro_batch_size: int | None
    seed: int
    planned_bytes: int
    resident_bytes: int | None
    gpu_memory: dict[str, Any] | None


class Step(TypedDict):
    """A step that is logged: one in `log_every`."""

    event: Literal["step"]
    epoch: int
    step: int
    """The batch in the epoch, counted from 0."""
    loss: float | None
    """Of the batch, before its update."""


class Epoch(TypedDict):
    """An epoch is over."""

    event: Literal["epoch"]
    epoch: int
    train_loss: float
    validation_loss: float | None
    validation_accuracy: float | None
    test_loss: float | None
    test_accuracy: float | None
    is_best: bool | None
    train_seconds: float
    eval_seconds: float
    samples_per_second: float
    planned_bytes: int
    measured_bytes: int
    peak_resident_bytes: int | None


class OutOfMemory(TypedDict):
    """Memory has run out, and a run goes on in another way."""

    event: Literal["oom"]
    rung: str
    reason: str
    bytes_before: int
    bytes_after: int


class End(TypedDict):
    """A run has ended, or was stopped."""

    event: Literal["end"]
    total_seconds: float
    startup_seconds: float | None
    test_loss: float | None
    test_accuracy: float | None
    model: str | None
    """The model's file; `None` if the run was stopped before its end."""
    best: dict[str, Any] | None
    stopped_early: bool
    run: str
    """The run's folder."""


Event = Start | Step | Epoch | OutOfMemory | End
