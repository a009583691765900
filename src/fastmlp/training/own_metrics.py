"""The compiled metrics as objects, for a `train_step` of the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _tree
from fastmlp.training.structure import is_nest

if TYPE_CHECKING:
    from fastmlp.training.step_methods import StepMethods


def prepare(model: StepMethods, y: Any) -> None:
    """Makes the metrics that `compile` was told of, for targets like these, once for each `compile`.

    Where targets are not as the outputs are, there are none.
    """
    compiled = model._compiled
    if compiled is None or compiled.keyed or y is None or not model.outputs:
        return
    parts = _tree.flatten(y) if is_nest(y) else [y]
    if len(parts) == len(model.outputs):
        rows = [tuple(np.shape(part)[1:]) for part in parts]
        shapes = [t.shape for t in model.outputs]
        compiled.keyed = model._objective().keyed_metrics(rows, shapes)


def update(model: StepMethods, y: Any, y_pred: Any, sample_weight: Any) -> None:
    """Adds a batch of arrays to the compiled metrics."""
    prepare(model, y)
    assert model._compiled is not None
    targets, predictions = (_tree.flatten(v) if is_nest(v) else [v] for v in (y, y_pred))
    weights = _tree.flatten(sample_weight) if is_nest(sample_weight) else None
    for _, i, metric, weighted in model._compiled.keyed:
        weight = sample_weight if weights is None else weights[i]
        p = np.asarray(predictions[i])
        t = np.asarray(targets[i])
        if weighted and weight is not None:
            metric.update_state(t, p, weight)
        else:
            metric.update_state(t, p)


def results(model: StepMethods) -> dict[str, Any]:
    """What the metrics are so far, by their log keys; without losses that nobody has told of."""
    compiled = [] if model._compiled is None else model._compiled.objects
    keys = {id(metric): key for key, metric in compiled}
    means = {} if model._compiled is None else model._compiled.means
    unknown = [id(mean) for mean in means.values() if not mean.count]
    found: dict[str, Any] = {}
    for metric in model.metrics:
        if id(metric) in unknown:
            continue
        result = metric.result()
        found |= result if isinstance(result, dict) else {keys.get(id(metric), metric.name): result}
    return found
