"""A `compute_loss` of the user's own: traced, once, into the plan."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import calls, graph, ops, whole_batch
from fastmlp.graph import Tensor
from fastmlp.metrics.tracking import Noted, noting
from fastmlp.plan.objectives import Whole
from fastmlp.training.structure import assign, is_nest, pack

if TYPE_CHECKING:
    from fastmlp.training.sized import Sized
    from fastmlp.training.step_methods import StepMethods


def traced(model: StepMethods, sized: Sized, training: bool) -> Whole:
    """The model's own `compute_loss` as what a plan minimises.

    Args:
        model: Has the method.
        sized: The graph that it is a loss of.
        training: What it is told.
    """

    def whole(targets: Mapping[int, Tensor], weights: Mapping[int, Tensor]) -> tuple[Tensor, Noted]:
        slots, n = model._output_slots(), len(sized.outputs)
        y = [targets.get(i) for i in range(n)] if targets else None
        sample_weight = [weights.get(i) for i in range(n)] if weights else None
        given = {
            "x": pack(model._input_slots().structure, list(map(whole_batch.seen, sized.inputs))),
            "y": None if y is None else pack(slots.structure, y),
            "y_pred": pack(slots.structure, list(map(whole_batch.seen, sized.outputs))),
            "sample_weight": None
            if sample_weight is None
            else pack(slots.structure, sample_weight),
            "training": training,
        }
        function: Any = model.compute_loss
        known = inspect.signature(function).parameters
        if not any(p.kind is p.VAR_KEYWORD for p in known.values()):
            given = {name: value for name, value in given.items() if name in known}
        with graph.layer_scope(graph.COMPUTE_LOSS), noting() as means:
            result = whole_batch.each(function(**given))
        if not isinstance(result, Tensor) or not (result.per_sample or result.shape == ()):
            came = repr(result) if isinstance(result, Tensor) else f"a {type(result).__name__}"
            raise TypeError(
                f"{type(model).__name__}.compute_loss: expected it to return a tensor of shape (), or of "
                f"a value for each sample. Received: {came}. Hint: compute it from y and y_pred, which "
                "are symbolic tensors, with fastmlp.ops and losses"
            )
        return result, means

    return whole


def compiled_loss(
    model: StepMethods, y: Any, y_pred: Any, sample_weight: Any, training: bool
) -> Any:
    """The sum of the compiled losses of arrays or tensors, each times its loss weight.

    Raises:
        ValueError: There is none to train with, or targets and predictions do not fit.
    """
    slots, objective = model._output_slots(), model._objective()
    enough = not training or adds_losses(model)  # metrics alone can be evaluated
    if not objective.with_loss and calls.tensors(y_pred) and enough:
        return graph.constant_tensor(0.0, model.dtype)
    if not objective.with_loss:
        raise ValueError(
            f"{type(model).__name__}.compute_loss: the model was compiled without a loss. Hint: give one, "
            "as model.compile(optimizer='adam', loss='mse')"
        )

    def parts(what: str, given: Any) -> list[Any]:
        if slots.n == 1 and not is_nest(given):
            return [given]
        return [one for _, one in assign(f"compute_loss: {what}", given, slots)]

    targets, predictions = parts("y", y), parts("y_pred", y_pred)
    several = sample_weight is not None and is_nest(sample_weight)
    weights = parts("sample_weight", sample_weight) if several else [sample_weight] * slots.n
    total: Any = None
    for i in objective.with_loss:
        t, p = (v if hasattr(v, "shape") else np.asarray(v) for v in (targets[i], predictions[i]))
        loss = objective.loss(i, tuple(t.shape[1:]), tuple(p.shape))
        of_steps = getattr(p, "mask", None) is not None or np.ndim(weights[i]) > 1
        if of_steps and tuple(p.shape) == (*t.shape, 1):  # a value for each step, as in plans
            t = ops.expand_dims(t, -1)
        value = loss(t, p, _masked(loss, p, weights[i])) * objective.weight(i)
        total = value if total is None else total + value
    return total


def adds_losses(model: StepMethods) -> bool:
    """Whether layers have penalties on what they compute, or call `add_loss`."""
    nodes = graph.order(model.outputs)
    return any(node.op in ("penalty", "activity_penalty") for node in nodes)


def _masked(loss: Any, y_pred: Any, weight: Any) -> Any:
    """The weights times the predictions' mask; a mean is then one of those that count."""
    mask = getattr(y_pred, "mask", None)
    if not isinstance(y_pred, Tensor) or mask is None:
        return weight
    if loss.reduction in ("sum_over_batch_size", "mean"):
        mask = ops.divide_no_nan(mask, ops.mean(mask))
    return mask if weight is None else ops.multiply(mask, weight)
