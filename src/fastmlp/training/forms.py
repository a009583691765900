"""The forms in which `compile` takes losses, their weights and metrics: one for each output, flat.

A loss may be one for all outputs, a list, a dict by the outputs' names, or nested as the outputs
are; so may its weights and the metrics. What comes out has one entry for each output.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastmlp.errors import bad_argument, check_number
from fastmlp.training.structure import Slots, assign, is_nest, walk


def losses_by_output(loss: Any, slots: Slots) -> list[Any]:
    """The loss of each output as the user wrote it, `None` for an output without.

    Args:
        loss: One for all outputs, or a list, dict or nesting of them.
        slots: The outputs.

    Raises:
        ValueError: Lengths or names do not fit, or a dict leaves an output out.
    """
    if not is_nest(loss):
        return [loss] * slots.n
    where = "compile: loss"
    found = assign(where, loss, slots, "use None for an output without a loss")
    left_out = [name for name, (given, _) in zip(slots.names, found, strict=True) if not given]
    if left_out and not isinstance(slots.structure, Mapping):
        hint = f"{left_out[0]!r}: None leaves an output without a loss"
        raise slots.missing(where, left_out, hint)
    losses = [_alone(one) for _, one in found]
    for name, one in zip(slots.names, losses, strict=True):
        if is_nest(one):
            raise bad_argument(where, f"one loss for output {name!r}", "loss", one)
    return losses


def _alone(loss: Any) -> Any:
    """A loss without the list that holds it alone."""
    while isinstance(loss, list | tuple) and len(loss) == 1:
        loss = loss[0]
    return loss


def loss_names(loss: Any, slots: Slots) -> list[str]:
    """What stands before `_loss` in the log key of each output's loss.

    The name of the output; in deeper nestings the way to it, as `1/t`, as in Keras.
    """
    names = []
    for name, path in zip(slots.names, slots.paths(), strict=True):
        way = path if not path or isinstance(path[-1], str) else (*path[:-1], name)
        names.append("/".join(map(str, way)) if len(path) > 1 else name)
    return names


def loss_weights_by_output(loss_weights: Any, losses: Sequence[Any], slots: Slots) -> list[float]:
    """The weight of each output's loss.

    Args:
        loss_weights: A number for all, or a list, dict or nesting; `None`: 1. What a dict leaves
            out is 1. A list may be as long as the outputs or as those that have a loss.
        losses: From `losses_by_output`.
        slots: The outputs.

    Raises:
        ValueError: Lengths or names do not fit, or a weight is no finite number.
    """
    where = "compile: loss_weights"
    if loss_weights is None:
        return [1.0] * slots.n
    if {type(one) for _, one in walk(loss_weights)} == {str}:  # third in Keras 1 and 2
        hint = "write metrics=… for metrics"
        raise bad_argument("compile", "numbers", "loss_weights", loss_weights, hint)
    if not is_nest(loss_weights):
        return [check_number("compile", "loss_weights", loss_weights)] * slots.n
    having = [i for i, loss in enumerate(losses) if loss is not None]
    flat = isinstance(loss_weights, list | tuple) and not any(map(is_nest, loss_weights))
    found: list[Any] = [None] * slots.n
    if flat and len(loss_weights) == len(having):
        for i, weight in zip(having, loss_weights, strict=True):
            found[i] = weight
    else:
        found = [one for _, one in assign(where, loss_weights, slots)]
    return [
        1.0 if one is None else check_number(where, f"the weight of {name!r}", one)
        for name, one in zip(slots.names, found, strict=True)
    ]


def metrics_by_output(argument: str, metrics: Any, slots: Slots) -> list[list[Any]]:
    """The metrics of each output as the user wrote them.

    Args:
        argument: `'metrics'` or `'weighted_metrics'`.
        metrics: For one output any nesting of metrics; else a list with an entry for each output, a
            dict by their names, or nested as the outputs are. An entry is a metric, a list of
            metrics or `None`.
        slots: The outputs.

    Raises:
        ValueError: Lengths or names do not fit.
    """
    if metrics is None or (is_nest(metrics) and not len(metrics)):
        return [[] for _ in range(slots.n)]
    if slots.n == 1:
        return [[one for _, one in walk(metrics)]]
    where = f"compile: {argument}"
    if not is_nest(metrics):
        metrics = [metrics]
    hint = f"a dict {{{slots.names[0]!r}: [...]}} gives metrics to some outputs"
    if len(metrics) == 1:
        hint += (
            f"; {argument}={[metrics[0]] * slots.n!r:.60}, to all"
            if isinstance(metrics, list)
            else ""
        )
    return [
        [one for _, one in walk(part) if one is not None]
        for _, part in assign(where, metrics, slots, hint)
    ]
