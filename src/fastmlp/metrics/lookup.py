"""From what a user writes to metrics and their keys in the logs, and to configs and back."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastmlp.errors import warn_user
from fastmlp.losses.lookup import CLASS_OF as LOSS_OF
from fastmlp.losses.lookup import family
from fastmlp.losses.rows import align
from fastmlp.metrics.base import Metric, registry
from fastmlp.metrics.mean_metric_wrapper import MeanMetricWrapper
from fastmlp.metrics.reduction import RowMetric
from fastmlp.registry import snake_case

_BY_SHAPE = {
    "accuracy": "accuracy",
    "acc": "accuracy",
    "crossentropy": "crossentropy",
    "ce": "crossentropy",
}


def get(identifier: Any) -> Any:
    """Returns the metric that a user means.

    Args:
        identifier: A name, config, instance, class, a loss, one of the functions of
            `fastmlp.metrics` and `fastmlp.losses`, any other function of `(y_true, y_pred)`, or
            `None`.

    Returns:
        A metric, or `None` for `None`.

    Raises:
        ValueError: If the identifier is none of these, or a name that is not known.

    Example:

    >>> get("mae").name
    'mean_absolute_error'
    >>> get("acuracy")
    Traceback (most recent call last):
    ...
    ValueError: Unknown metric 'acuracy'. Did you mean 'accuracy'? Known: accuracy, auc, ...
    """
    if isinstance(identifier, str | Mapping):
        identifier = registry.get(identifier)  # of custom objects it may be a function
    if _is_own(identifier):
        return registry.member(identifier.__name__)()
    if callable(identifier) and not isinstance(identifier, (Metric, type)):
        return MeanMetricWrapper(identifier)
    return registry.get(identifier)


def _is_own(function: Any) -> bool:
    """Whether it is a function of this package, beside the class of its name: `binary_accuracy`."""
    home = (inspect.isfunction(function) and function.__module__) or ""
    return home.startswith(f"{__package__}.") and function.__name__ in registry


def check_names(metrics: Any) -> list[Metric]:
    """Returns the metrics of a list that do not depend on shapes.

    Raises:
        ValueError: One of them is not known.
    """
    return [
        get(identifier)
        for identifier in _flat(metrics)
        if identifier is not None
        and not (isinstance(identifier, str) and identifier.lower() in _BY_SHAPE)
    ]


def resolve(
    identifier: Any, y_true_shape: Sequence[int | None], y_pred_shape: Sequence[int | None]
) -> Any:
    """Returns the metric that a user means for targets and predictions of these shapes.

    Args:
        identifier: As for `get`. `"accuracy"`, `"acc"`, `"crossentropy"` and `"ce"`, in any case,
            are binary for one output, sparse for class numbers, else categorical.
        y_true_shape: Shape of a batch of targets; its first size is `None`.
        y_pred_shape: Shape of a batch of predictions.

    Returns:
        A metric that the compiled plan can run; one made from a name has that name.

    Raises:
        ValueError: As for `get`; or if the shapes do not fit the metric.
        TypeError: If the plan cannot run the metric.

    Example:

    >>> resolve("acc", (None,), (None, 10))
    SparseCategoricalAccuracy(name='acc', dtype=None)
    """
    if isinstance(identifier, str):
        what = _BY_SHAPE.get(identifier.lower())
        prefix = family(y_true_shape, y_pred_shape)
        metric = get(identifier if what is None else f"{prefix}_{what}")
        metric.name = identifier
    else:
        metric = get(identifier)
    if not isinstance(metric, Metric) or not (metric.op or metric.is_code):
        raise TypeError(
            f"Metric {metric!r} cannot be compiled: Mean and Sum are of values, not of targets and "
            f"predictions. Known: {', '.join(n for n in registry.names() if n not in ('mean', 'sum'))}."
        )
    metric.see_shapes(y_true_shape, y_pred_shape)
    if metric.is_code:
        return metric
    if metric.op == "metric_confusion":
        align("accuracy", y_true_shape, y_pred_shape)
    elif isinstance(metric, RowMetric) and metric.function is None and metric.prepare is None:
        align(metric.kind, y_true_shape, y_pred_shape)
    return metric


def resolve_all(
    metrics: Any,
    y_shape: Sequence[int | None],
    pred_shape: Sequence[int | None],
    weighted: bool = False,
    taken: Iterable[str] = (),
    prefix: str = "",
) -> list[tuple[str, Metric]]:
    """Returns the metrics that a user means, each with its key in logs and histories.

    The key is the string that the user typed, or the object's name; if it is taken, then with
    `_1`, `_2`, … appended, or, for weighted metrics, with `weighted_` before it. Names that Keras
    itself numbers, as `AUC()`'s, are numbered in either case.

    Args:
        metrics: List, tuple or dict of what `resolve` takes; nested ones are flattened; `None`:
            none. A single one is accepted with a `FutureWarning`.
        y_shape: Shape of a batch of targets; its first size is `None`.
        pred_shape: Shape of a batch of predictions.
        weighted: Whether these are `weighted_metrics`.
        taken: Keys in use: of the other metrics.
        prefix: What every key begins with: the output and an underscore, if there are several.

    Returns:
        Pairs of key and metric, in order.

    Raises:
        ValueError: As for `resolve`.
        TypeError: As for `resolve`.

    Example:

    >>> [key for key, _ in resolve_all(["mse", "acc", "mse"], (None, 1), (None, 1))]
    ['mse', 'acc', 'mse_1']
    """
    if metrics is not None and (isinstance(metrics, str | Metric | type) or callable(metrics)):
        argument = "weighted_metrics" if weighted else "metrics"
        warn_user(f"{argument}={metrics!r}: write it as a list of metrics.", FutureWarning)
        metrics = [metrics]
    counts = dict.fromkeys(taken, 1)
    pairs = []
    for identifier in _flat(metrics):
        metric = resolve(identifier, y_shape, pred_shape)
        key = prefix + metric.name
        if weighted and key in counts and not (metric is identifier and _is_numbered(metric)):
            key = f"{prefix}weighted_{metric.name}"
        number = counts.get(key, 0)
        counts[key] = number + 1
        pairs.append((f"{key}_{number}" if number else key, metric))
    return pairs


def _is_numbered(metric: Metric) -> bool:
    """Whether nobody gave it a name: neither the user nor, as those of rows do, its class."""
    kind = type(metric)
    name = inspect.signature(kind).parameters.get("name")
    named = isinstance(metric, RowMetric) or (name is not None and name.default is not None)
    return not named and metric.name == snake_case(kind.__name__)


def _flat(metrics: Any) -> list[Any]:
    if metrics is None:
        return []
    if isinstance(metrics, Mapping) and "class_name" not in metrics:
        return [item for key in sorted(metrics) for item in _flat(metrics[key])]
    if isinstance(metrics, list | tuple):
        return [item for part in metrics for item in _flat(part)]
    return [metrics]


def serialize(metric: Any) -> Any:
    """Returns the config of a metric: `{"class_name": …, "config": …}`."""
    if _is_own(metric) or (inspect.isfunction(metric) and metric in LOSS_OF):
        return metric.__name__
    return registry.serialize(metric)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Makes a metric from its config.

    Args:
        config: What `serialize` returned, or Keras's config of the same class.
        custom_objects: Further classes by name.

    Returns:
        A metric.

    Raises:
        ValueError: If the config is not understood.
    """
    return registry.deserialize(config, custom_objects)
