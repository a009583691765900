"""What all optimizers share: the learning rate, weight decay, clipping, configs, and the registry.

To the compiled plan an optimizer is a description. It reads `kind` (which native update), `slots`
(the arrays it keeps for each weight), `hyper()` (its scalars) and the common attributes, and runs
the update itself: see `csrc/kernels/update.inc.c` for the arithmetic.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any, TypedDict

import numpy as np

from fastmlp import _names
from fastmlp import config as settings
from fastmlp._core import optimizers as native
from fastmlp._spelling import accepts_old
from fastmlp.errors import (
    bad_argument,
    check_int,
    check_number,
    unknown_keywords,
    warn_old_spelling,
)
from fastmlp.graph import Tensor
from fastmlp.optimizers.apply import apply
from fastmlp.optimizers.schedules.base import (
    LearningRate,
    LearningRateSchedule,
    as_rate,
    serialize,
)
from fastmlp.optimizers.state import State
from fastmlp.registry import Configurable, Registry, overridden, snake_case
from fastmlp.variables import Rate, Variable, variable_of

# What subclasses may override, and plans then call.
_IN_PLANS = ("update_step", "assign", "assign_add", "assign_sub")
# Parts of a step of Keras's, which has others here.
_UNHEARD = (
    "_clip_gradients", "_clip_by_norm", "_get_current_learning_rate", "_use_weight_decay",
    "_apply_weight_decay", "_filter_empty_gradients", "_backend_apply_gradients",
    "_backend_update_step", "_backend_increment_gradient_accumulators",
    "_backend_reset_gradient_accumulators", "_update_model_variables_moving_average",
    "_overwrite_model_variables_with_average_value",
)  # fmt: skip


class CommonArguments(TypedDict, total=False):
    """The keyword arguments that every optimizer has; `Optimizer` tells what they mean."""

    weight_decay: float | None
    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None
    gradient_accumulation_steps: int | None
    name: str | None


class Optimizer(State, Configurable):
    """Base class of optimizers.

    A step does, weight by weight: clip the gradient, decay the weight, update it, constrain it.

    Write your own by overriding `build`, `update_step` and `get_config`, as in Keras. `fit` calls
    `update_step` once for each weight, with tensors: written with `fastmlp.ops`, it becomes part of
    the plan and runs natively. That of a subclass of a built-in optimizer may call `super().update_step`.

    Args:
        learning_rate: Step size, >= 0: a number, a schedule, or a function without arguments that
            is asked before each native execution.
        weight_decay: Before each update, `w = w - w · weight_decay · learning_rate`, for weights
            that are not excluded; `None`: no decay.
        clipnorm: Each weight's gradient is scaled down to this norm; `None`: not.
        clipvalue: Each element of a gradient is clipped to [-clipvalue, clipvalue]; `None`: not.
        global_clipnorm: All gradients together are scaled down to this norm; `None`: not. Only one
            of the three may be given.
        use_ema: Whether to keep a moving average of each weight; `fit` writes it into the weights
            when it ends. Default: False.
        ema_momentum: `average = ema_momentum · average + (1 - ema_momentum) · w`, after each
            step. Default: 0.99.
        ema_overwrite_frequency: Every so many steps the weights become their averages; `None`: at
            the end of `fit` only.
        loss_scale_factor: `apply` divides gradients by it, for losses multiplied by `scale_loss`;
            `fit` needs no scaling and does none. `None`: 1.
        gradient_accumulation_steps: Updates every so many batches, >= 2, with the mean of their
            gradients; `None`: every batch.
        name: Name; `None`: the class name in snake_case, with a number from the second on.
        **unknown: Refused; `lr` and `decay`, spellings of earlier Kerases, are understood.

    Attributes:
        kind: Name of the native update, of `csrc/kernels/kernels.def`; empty where a subclass
            brings its own `update_step`.
        slots: Names of the arrays kept for each weight, in the native update's order.

    Raises:
        ValueError: If an argument is outside of its range or not known.
    """

    kind: str = ""
    kind_from: tuple[str, ...] = ()  # attributes that tell `kind`, besides the slots
    slots: tuple[str, ...] = ()
    parts: tuple[Optimizer, ...] = ()  # of one that is made of others
    wraps = False  # whether it is
    whole_data = False  # whether a step is one on all data

    def __init__(
        self,
        learning_rate: LearningRate,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **unknown: Any,
    ) -> None:
        State.__init__(self)
        where = type(self).__name__
        if unknown:
            known = [*inspect.signature(type(self)).parameters, *CommonArguments.__annotations__]
            known = [name for name in known if name not in ("common", "unknown")]
            raise unknown_keywords(where, unknown, known)
        self._learning_rate: Any = None
        self.learning_rate = learning_rate
        self.weight_decay = self._optional("weight_decay", weight_decay)
        self.clipnorm = self._optional("clipnorm", clipnorm, above=True)
        self.clipvalue = self._optional("clipvalue", clipvalue, above=True)
        self.global_clipnorm = self._optional("global_clipnorm", global_clipnorm, above=True)
        clips = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        given = {argument: value for argument, value in clips.items() if value is not None}
        if len(given) > 1:
            expected = "only one of clipnorm, clipvalue and global_clipnorm"
            received = ", ".join(f"{argument}={value!r}" for argument, value in given.items())
            raise ValueError(f"{where}: expected {expected}. Received: {received}.")
        self.use_ema = bool(use_ema)
        self.ema_momentum = check_number(where, "ema_momentum", ema_momentum, 0, 1)
        if ema_overwrite_frequency is not None:
            ema_overwrite_frequency = check_int(
                where, "ema_overwrite_frequency", ema_overwrite_frequency, 1
            )
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = self._optional("loss_scale_factor", loss_scale_factor, above=True)
        self.gradient_accumulation_steps = None
        if gradient_accumulation_steps:
            argument = "gradient_accumulation_steps"
            self.gradient_accumulation_steps = check_int(
                where, argument, gradient_accumulation_steps, 2
            )
        self.name = _names.unique_name(snake_case(where)) if name is None else name
        for variable in self.variables:
            variable.path = f"{self.name}/{variable.name}"
        self._excluded: tuple[Any, ...] = ()
        self._excluded_names: tuple[str, ...] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            setattr(cls, "__init__", accepts_old(cls.__init__, "Optimizer"))  # noqa: B010

    def _optional(self, name: str, value: float | None, above: bool = False) -> float | None:
        if value is None:
            return None
        hint = "None turns it off" if above else None
        return check_number(type(self).__name__, name, value, 0, above=above, hint=hint)

    def _rate(self, name: str, value: float) -> float:
        """Checks the factor of a moving average: 0 <= value < 1."""
        return check_number(type(self).__name__, name, value, 0, 1, below=True)

    def _epsilon(self, value: float | None) -> float:
        """Checks epsilon; `None`, the default of earlier Kerases, is `config.epsilon()`."""
        return check_number(
            type(self).__name__, "epsilon", settings.epsilon() if value is None else value, 0
        )

    @property
    def learning_rate(self) -> Rate:
        """Step size; may be set at any time, and holds from the next step on.

        With a schedule it is that of the next step, and can be replaced by another schedule only.
        """
        return Rate(self._rate_now(), self, "learning_rate")

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        where = type(self).__name__
        rate = as_rate(where, value)
        if not isinstance(rate, float):
            self._learning_rate = rate
        elif isinstance(self._learning_rate, LearningRateSchedule):
            raise TypeError(
                f"{where}: expected a schedule, as the optimizer was made with one. Received: "
                f"learning_rate={value!r}. Hint: make the optimizer with a number to set it later."
            )
        elif isinstance(self._learning_rate, Variable):
            self._learning_rate.value[...] = rate
        else:
            self._learning_rate = Variable(
                rate, dtype="float64", trainable=False, name="learning_rate"
            )

    @property
    def lr(self) -> Rate:
        """The learning rate, as earlier Kerases spelled it."""
        warn_old_spelling("optimizer.lr", "optimizer.learning_rate")
        return self.learning_rate

    @lr.setter
    def lr(self, value: Any) -> None:
        warn_old_spelling("optimizer.lr", "optimizer.learning_rate")
        self.learning_rate = value

    def _rate_now(self) -> float:
        rate = self._learning_rate
        if isinstance(rate, Variable):
            return float(rate.value)
        if isinstance(rate, LearningRateSchedule):
            return float(rate.rates(self.steps, 1)[0])
        return check_number(type(self).__name__, "learning_rate()", rate(), 0)

    def hyper(self) -> tuple[Any, ...]:
        """Returns the native update's scalars: those that `_core.optimizers.HYPER` names.

        The first is a float, or the schedule that gives the plan its table of rates.
        """
        rate = self._learning_rate
        first = rate if isinstance(rate, LearningRateSchedule) else self._rate_now()
        names = native.HYPER.get(self.kind, ())[1:]
        return (first, *[float(getattr(self, name)) for name in names])

    @property
    def is_traced(self) -> bool:
        """Whether a plan has its `update_step` in it, and not the native update of `kind`."""
        return not self.kind or bool(overridden(self, *_IN_PLANS))

    def plan_config(self) -> str:
        """What a plan that has its `update_step` in it depends on."""
        config = {k: v for k, v in self.get_config().items() if k != "learning_rate"}
        return f"{config} {self._builds}"

    def refuse_overrides(self, where: str, also: tuple[str, ...] = ()) -> None:
        """Refuses a subclass's methods that would not be called.

        Args:
            where: Who does not call them.
            also: Further methods that it does not call.

        Raises:
            TypeError: There is one.
        """
        name = overridden(self, *_UNHEARD, *also)
        if name:
            own = type(self).__name__
            hint = "override update_step(self, gradient, variable, learning_rate)"
            if name in also:
                hint += ", or call optimizer.apply in a train_step of your own"
            raise TypeError(
                f"{own}: expected {name} as fastmlp has it, since {where} does not call it. "
                f"Received: {own}.{name}. Hint: {hint}."
            )

    # A step on arrays.

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Moves one weight and its state; subclasses may override it.

        Args:
            gradient: Array of the weight's shape and type, clipped.
            variable: The weight; change it by `self.assign_sub` and its kin.
            learning_rate: That of this step.

        Raises:
            NotImplementedError: If a subclass does not override it.
        """
        if not self.kind:
            where = type(self).__name__
            expected = "a method update_step(self, gradient, variable, learning_rate)"
            raise NotImplementedError(f"{where}: expected {expected}.")
        if self._traced_iterations is not None:
            from fastmlp.optimizers import tensors

            tensors.update(self, gradient, variable, learning_rate)
            return
        hyper = (float(learning_rate), *self.hyper()[1:])
        gradient = np.asarray(gradient, variable.dtype, order="C")  # a number stays one
        slots = self.state[variable][: len(self.slots)]
        native.update(self.kind, variable.value, gradient, slots, hyper, self.iterations)

    def _update(self, pairs: Sequence[tuple[np.ndarray, Variable]], learning_rate: float) -> None:
        """`update_step` of several weights, with their gradients."""
        is_own = type(self).update_step is not Optimizer.update_step or "update_step" in vars(self)
        if is_own or not self.kind:
            for gradient, variable in pairs:
                self.update_step(gradient.copy(), variable, learning_rate)  # it may change it
            return
        n = len(self.slots)
        native.update_all(
            self.kind,
            [variable.value for _, variable in pairs],
            [gradient for gradient, _ in pairs],
            [self.state[variable][:n] for _, variable in pairs],
            (float(learning_rate), *self.hyper()[1:]),
            self.iterations,
        )

    def trace_step(
        self, gradient: Tensor, variable: Variable, learning_rate: Tensor, iterations: Tensor
    ) -> None:
        """Calls `update_step` with tensors, `iterations` being one too; for the plan."""
        self._traced_iterations = iterations
        try:
            self.update_step(gradient, variable, learning_rate)
        finally:
            self._traced_iterations = None

    def apply(self, grads: Iterable[Any], trainable_variables: Iterable[Any] | None = None) -> None:
        """Does one step: unscale, accumulate, clip, decay, update, average, constrain.

        Args:
            grads: A gradient for each weight, arrays of its shape; `None` leaves a weight alone.
            trainable_variables: The weights; `None`: those of `build`.

        Raises:
            ValueError: If gradients and weights do not fit; nothing has changed then.

        Example:

        >>> from fastmlp import Variable, optimizers
        >>> w = Variable([1.0, 2.0])
        >>> optimizers.SGD(0.5).apply([[1.0, 0.0]], [w])
        >>> w.numpy()
        array([0.5, 2. ], dtype=float32)
        """
        apply(self, grads, trainable_variables)

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Any]]) -> int:
        """Does one step, as `apply`, with pairs of gradient and weight.

        Returns:
            Batches seen so far.
        """
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self.steps

    def ensure_built(self, variables: Iterable[Any]) -> dict[Variable, list[np.ndarray]]:
        """Calls `build` unless it knows all of these weights.

        Returns:
            `state`.
        """
        given, n = [variable_of(v) for v in variables], len(self.slot_names)
        if not self.built or any(len(self.state.get(v, ())) != n for v in given):
            self.build(given)
        return self.state

    def scale_loss(self, loss: Any) -> Any:
        """Multiplies a loss by `loss_scale_factor`, if there is one."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        """Writes the moving averages into weights, where `use_ema` keeps them; `fit` ends so."""
        if self.use_ema:
            for variable in var_list:
                if variable in self.state:
                    variable.value[...] = self.state[variable][len(self.slots)]

    # Weight decay.

    def exclude_from_weight_decay(
        self,
        var_list: Iterable[Any] | None = None,
        var_names: Iterable[str] | None = None,
    ) -> None:
        """Keeps weight decay away from some weights; call it before `compile`.

        Args:
            var_list: Weights, as `layer.weights` lists them.
            var_names: Parts of names, or patterns: `["bias"]` excludes every weight that has `bias`
                in its name.

        Raises:
            ValueError: If `var_names` is a single string.
        """
        if isinstance(var_names, str):
            where = f"{type(self).__name__}.exclude_from_weight_decay"
            raise bad_argument(where, "a list of strings", "var_names", var_names)
        self._excluded = tuple(map(variable_of, var_list or ()))
        self._excluded_names = tuple(var_names or ())

    def decays(self, variable: Any) -> bool:
        """Tells whether weight decay applies to a weight.

        Args:
            variable: A weight; its `name` is looked at.
        """
        return self.weight_decay is not None and not self._is_excluded(variable)

    def _is_excluded(self, variable: Any) -> bool:
        if any(variable is v for v in self._excluded):
            return True
        return any(re.search(part, variable.name) for part in self._excluded_names)

    def decay_of(self, variable: Any) -> float | None:
        """The weight decay of one weight; `None`: none."""
        return self.weight_decay if self.decays(variable) else None

    # Configs.

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal optimizer, with Keras's keys.

        A learning rate given as a function is its value of now.
        """
        rate = self._learning_rate
        schedule = isinstance(rate, LearningRateSchedule)
        return {
            "name": self.name,
            "learning_rate": serialize(rate) if schedule else self._rate_now(),
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": self.loss_scale_factor,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
            **super().get_config(),
        }

    def __repr__(self) -> str:
        rate = self._learning_rate
        shown = rate if isinstance(rate, LearningRateSchedule) else self._rate_now()
        return f"<{type(self).__name__} learning_rate={shown}>"


registry = Registry(
    "optimizer", base=Optimizer, callables=False, ignore_case=True, packages=("fastmlp.optimizers",)
)
