"""Pass 5: what happens to each weight once its gradient is known.

    gradient tile → penalty → accumulate → clip → decay → optimizer → average

One stage, tile by tile, while the tile is in cache. Clipping by norm needs whole gradients first,
and a constraint whole weights; each is a stage of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastmlp._record import Record
from fastmlp.constraints import Constraint
from fastmlp.graph import Tensor
from fastmlp.plan.ir import Buffer, Builder, Op, Plan, Stage
from fastmlp.plan.traced import traced_updates
from fastmlp.regularizers import has_factors
from fastmlp.variables import Variable


class UpdateSpec(Record):
    """An optimizer as a plan sees it.

    Attributes:
        kind: A native update kernel; empty where `step` is traced.
        slots: Its arrays for each weight; the moving average and the sum of gradients follow them.
        decays: Weights with decay, and theirs.
        every: Steps an update; their gradients are averaged.
        ema: Momentum of the moving averages, and after how many updates each they are written into
            the weights (0: never); `None`: there are none.
        part: Number of the optimizer, where there are several.
        parts: Several optimizers, each with its weights; then nothing else here counts.
        step: An optimizer's own `update_step`, of gradient, weight, learning rate and number of
            updates; the order of weights; and all that it depends on, for comparison.
    """

    kind: str
    slots: int
    decays: tuple[tuple[Variable, float], ...] = ()
    clipvalue: float | None = None
    clipnorm: float | None = None
    global_clipnorm: float | None = None
    every: int = 1
    ema: tuple[float, int] | None = None
    step: Callable[[Tensor, Variable, Tensor, Tensor], None] | None = None
    variables: tuple[Variable, ...] = ()
    version: str = ""
    part: int = 0
    parts: tuple[tuple[UpdateSpec, tuple[Variable, ...]], ...] = ()

    def __eq__(self, other: object) -> bool:
        return type(other) is UpdateSpec and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self._fields)


# No optimizer: slot 0 of each weight takes its gradient, penalties of the weight included.
COLLECT = UpdateSpec("collect", 0, every=2**62)


def is_projection(constraint: Any) -> bool:
    """Whether it is one that the core knows, and no function of its own."""
    own = isinstance(constraint, Constraint) and hasattr(constraint, "kind")
    return own and type(constraint).__call__ is Constraint.__call__


def add_penalties(b: Builder, variables: Sequence[Variable]) -> None:
    """Adds the loss of every regularizer; before the updates, since it is of the weights used."""
    stage: Stage = []
    for variable in variables:
        if has_factors(variable.regularizer) and variable.trainable:
            l1, l2 = float(variable.regularizer.l1), float(variable.regularizer.l2)
            op = Op("penalty_loss", [], [b.weight(variable)], {"l1": l1, "l2": l2}, variable.path)
            b.add_penalty(op)
            stage.append((variable, [op]))
    if stage:
        b.plan.stages.append(stage)


def add_updates(b: Builder, spec: UpdateSpec) -> None:
    """Adds the updates of all weights that have a gradient."""
    plan = b.plan
    losses = dict(plan.stages.pop()) if plan.stages else {}
    stages: list[Stage] = []
    for part, variables in spec.parts or ((spec, tuple(plan.parameters)),):
        parameters = {v: plan.parameters[v] for v in variables if v in plan.parameters}
        stages += _stages(b, part, parameters, losses)
    rest = list(losses.items())  # penalties of weights that no loss depends on
    if rest:
        stages[:1] = [(stages[0] if stages else []) + rest]
    plan.stages.extend(stage for stage in stages if stage)


def _stages(
    b: Builder,
    spec: UpdateSpec,
    parameters: Mapping[Variable, list[Op]],
    losses: dict[Variable, list[Op]],
) -> list[Stage]:
    """What one optimizer does to its weights; takes their penalties out of `losses`."""
    scalars = Buffer("cell", (8,), "step scalars", slot=spec.part)
    by_norm = spec.clipnorm is not None or spec.global_clipnorm is not None
    gradients: Stage = []
    updates: Stage = []
    averages: Stage = []
    constraints: Stage = []
    code: Stage = []  # constraints that are Python code: a phase each
    for variable, ops in parameters.items():
        g = ops[0].outs[0]
        first = [*losses.pop(variable, []), *ops, *_shape_gradient(b, variable, g, spec)]
        second = _decay(b, variable, scalars, spec)
        average = _average(b, variable, spec)
        if spec.step is None:
            second += [*_update(b, variable, g, scalars, spec), *average]
        elif average:
            averages.append((variable, average))
        if by_norm or spec.step is not None:
            g.kind = "gradient"
            gradients.append((variable, first))
            updates.append((variable, second))
        else:
            updates.append((variable, [*first, *second]))
        if variable.constraint is not None and spec.kind != COLLECT.kind:
            name = "constrain" if is_projection(variable.constraint) else "python_constrain"
            attrs = {"constraint": variable.constraint}
            op = Op(name, [], [b.weight(variable)], attrs, variable.path)
            (constraints if name == "constrain" else code).append((variable, [op]))
    stages = [gradients, *_norms(gradients, updates, spec)]
    if spec.step is None:
        stages.append(updates)
    else:  # an update is one task: what works on rows stays apart from it
        whole = [(variable, ops[0].outs[0]) for variable, ops in parameters.items()]
        stages += [
            [entry for entry in updates if entry[1]],
            traced_updates(b, whole, scalars, spec),
        ]
    return [*stages, averages, constraints, *([entry] for entry in code)]


def _shape_gradient(b: Builder, variable: Variable, g: Buffer, spec: UpdateSpec) -> list[Op]:
    ops = []
    if has_factors(variable.regularizer):
        l1, l2 = float(variable.regularizer.l1), float(variable.regularizer.l2)
        attrs = {"l1": l1, "l2": l2}
        ops.append(Op("penalty", [g], [b.weight(variable)], attrs, variable.path))
    if spec.every > 1:
        total = _slot(variable, spec.slots + (spec.ema is not None))
        ops.append(Op("accumulate", [g], [total], {"every": spec.every}, variable.path))
    if spec.clipvalue is not None:
        ops.append(Op("clip", [g], [], {"limit": spec.clipvalue}, variable.path))
    return ops


def _decay(b: Builder, variable: Variable, scalars: Buffer, spec: UpdateSpec) -> list[Op]:
    decay = dict(spec.decays).get(variable)
    if decay is None:
        return []
    attrs = {"weight_decay": decay, "every": spec.every, "part": spec.part}
    return [Op("decay", [], [b.weight(variable), scalars], attrs, variable.path)]


def _update(
    b: Builder, variable: Variable, g: Buffer, scalars: Buffer, spec: UpdateSpec
) -> list[Op]:
    if spec.kind == COLLECT.kind:
        return []
    slots = [_slot(variable, i) for i in range(spec.slots)]
    attrs = {"kind": spec.kind, "every": spec.every, "part": spec.part, "panels": 0}
    return [Op("update", [], [b.weight(variable), g, *slots, scalars], attrs, variable.path)]


def _average(b: Builder, variable: Variable, spec: UpdateSpec) -> list[Op]:
    if spec.ema is None:
        return []
    momentum, frequency = spec.ema
    attrs = {"momentum": momentum, "every": spec.every, "frequency": frequency}
    return [Op("ema", [], [b.weight(variable), _slot(variable, spec.slots)], attrs, variable.path)]


def _slot(variable: Variable, number: int) -> Buffer:
    return Buffer("slot", variable.shape, f"{variable.path}/slot_{number}", variable, slot=number)


def _norms(gradients: Stage, updates: Stage, spec: UpdateSpec) -> list[Stage]:
    """Factors by which to shorten gradients; the ops of one entry run in one task."""
    limit = spec.global_clipnorm if spec.global_clipnorm is not None else spec.clipnorm
    if limit is None or not gradients:
        return []
    stage: Stage = []
    cell = Buffer("cell", (8,), "gradient norm")
    for (variable, ops), (_, update) in zip(gradients, updates, strict=True):
        if spec.global_clipnorm is None:
            cell = Buffer("cell", (8,), f"gradient norm of {variable.path}")
        g = next(op.outs[0] for op in ops if op.outs)
        shared = spec.global_clipnorm is not None and bool(stage)
        op = Op("sumsq", [cell], [g], {"accumulate": shared}, variable.path)
        if shared:
            stage[0][1].append(op)
        else:
            stage.append((variable, [op]))
        update.insert(0, Op("scale", [g], [cell], {}, variable.path))
    for variable, ops in stage:
        attrs = {"limit": limit, "all": spec.global_clipnorm is not None}
        ops.append(Op("clip_factor", [ops[0].outs[0]], [], attrs, variable.path))
    return [stage]


def add_states(plan: Plan) -> None:
    """Writes states when all else is done: what ends a step early leaves those of the step before."""
    if plan.states:
        plan.stages.append([(variable, [op]) for variable, op in plan.states.items()])
