"""The commands `plan`, `fit` and `train`."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, Unpack, cast

from . import _native
from ._options import FitOptions, PlanOptions, TrainOptions
from ._results import End, Event, Fit, Plan

_log = logging.getLogger("plangrad")

Callback = Callable[[Event], object]


def plan(**options: Unpack[PlanOptions]) -> Plan:
    """The memory of training with each batch size, to the byte, without running anything.

    Options are those of ``plangrad plan``, with underscores for hyphens; results are its JSON.

    >>> rows = plangrad.plan(dataset="mnist", hidden=[128], batch_sizes=[64, 256])["rows"]
    >>> [row["total_bytes"] for row in rows]
    [1264768, 1371520]

    Raises UsageError for an option that does not exist, and what reading a dataset may.
    """
    return cast(Plan, _result("plan", options))


def fit(**options: Unpack[FitOptions]) -> Fit:
    """The largest batch size that fits: solved, then proven by a step and by the refusal of the next size.

    Options are those of ``plangrad fit``, with underscores for hyphens; the result is its JSON.

    >>> plangrad.fit(dataset="digits", memory_budget="8MiB", no_speed=True)["max_batch_size"]

    Raises OutOfMemoryError if not even one sample fits, UsageError, and what reading a dataset may.
    """
    return cast(Fit, _result("fit", options))


def train(*, callback: Callback | None = None, **options: Unpack[TrainOptions]) -> End:
    """Trains a network into a run folder, or resumes a run; returns the event that ends it.

    Options are those of ``plangrad train``, with underscores for hyphens. The run is a folder like any other: ``Model.load(end["run"])``
    predicts, ``plangrad report`` shows it, ``train(resume=end["run"])`` continues it.

    ``callback`` gets each event (``start``, ``step``, ``epoch``, ``oom``, ``end``) as it happens. The run waits meanwhile; if the callback
    returns true, or raises, or on Ctrl-C, it stops after the step that it is at, and saves itself. Then ``end["model"]`` is ``None``.

    >>> def stop_early(event):
    ...     return event["event"] == "epoch" and event["test_accuracy"] > 0.97
    >>> end = plangrad.train(dataset="mnist", epochs=20, callback=stop_early)

    Raises DivergedError, OutOfMemoryError, RunError, UsageError, and what reading a dataset may.
    """
    events: list[Any] = []
    try:
        _call("train", options, callback, events)
    except BaseException as error:
        if events and events[-1]["event"] == "end":
            error.add_note(f"the run is saved; continue it with plangrad.train(resume={events[-1]['run']!r})")
        raise
    return cast(End, events[-1])


def _call(
    command: str,
    options: Mapping[str, Any],
    callback: Callable[[Any], object] | None,
    results: list[Any],
) -> None:
    """Adds what a command says as JSON to ``results``. Remarks and warnings are logged."""
    calls = callback is not None  # until it fails

    def hear(kind: str, text: str) -> object:
        nonlocal calls
        if kind == "warning":
            _log.warning(text)
        elif kind == "remark":
            _log.info(text)
        else:
            results.append(json.loads(text))
            if callback and calls:
                calls = False
                answer = callback(results[-1])
                calls = True
                return answer
        return None

    _native.call(command, dict(options), hear)


def _result(command: str, options: Mapping[str, Any]) -> Any:
    """The one result of a command."""
    results: list[Any] = []
    _call(command, options, None, results)
    return results[-1]
