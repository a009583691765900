"""What all optimizers share: the learning rate, weight decay, clipping, configs, and the registry.

An optimizer here is a description. The compiled plan reads `kind` (which native update), `slots`
(the arrays it keeps for each weight), `hyper()` (its scalars) and the common attributes, and runs
the update itself: see `csrc/kernels/update.inc.c` for the arithmetic.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, TypedDict

import numpy as np

from fastmlp import _names
from fastmlp import config as settings
from fastmlp.errors import (
    bad_argument,
    check_number,
    unknown_keywords,
    warn_old_spelling,
    warn_user,
)
from fastmlp.registry import Configurable, Registry, snake_case


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


class Optimizer(Configurable):
    """Base class of optimizers.

    A step does, weight by weight: clip the gradient, decay the weight, update it, constrain it.

    Args:
        learning_rate: Step size, >= 0; a float or an int.
        weight_decay: Before each update, `w = w - w · weight_decay · learning_rate`, for weights
            that are not excluded; `None`: no decay.
        clipnorm: Each weight's gradient is scaled down to this norm; `None`: not.
        clipvalue: Each element of a gradient is clipped to [-clipvalue, clipvalue]; `None`: not.
        global_clipnorm: All gradients together are scaled down to this norm; `None`: not. Only one
            of the three may be given.
        use_ema: Not supported yet; must be `False`.
        ema_momentum: Kept for configs; it has no effect without `use_ema`.
        ema_overwrite_frequency: Not supported yet; must be `None`.
        loss_scale_factor: Not supported yet; must be `None`.
        gradient_accumulation_steps: Not supported yet; must be `None`.
        name: Name; `None`: the class name in snake_case, with a number from the second on.
        **old: `lr`, and `decay`, which has no effect: spellings of earlier Kerases.

    Attributes:
        kind: Name of the native update, of `csrc/kernels/kernels.def`.
        slots: Names of the arrays kept for each weight, in the native update's order.
        hyper_names: Attributes that `hyper` returns after the learning rate.
        iterations: Steps done so far.
        state: The arrays of each weight that it has trained.

    Raises:
        ValueError: If an argument is outside of its range, not supported or not known.
    """

    kind: str
    slots: tuple[str, ...]
    hyper_names: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        learning_rate: float,
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
        **old: Any,
    ) -> None:
        learning_rate = self._old_spellings(learning_rate, old)
        where = type(self).__name__
        unsupported = {
            "use_ema": use_ema or None,
            "ema_overwrite_frequency": ema_overwrite_frequency,
            "loss_scale_factor": loss_scale_factor,
            "gradient_accumulation_steps": gradient_accumulation_steps,
        }
        for argument, value in unsupported.items():
            if value is not None:
                hint = "fastmlp does not support it yet"
                raise bad_argument(where, f"no {argument}", argument, value, hint)
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
        self.ema_momentum = check_number(where, "ema_momentum", ema_momentum, 0, 1)
        self.name = _names.unique_name(snake_case(where)) if name is None else name
        self.iterations = 0
        self.state: dict[Any, list[np.ndarray]] = {}
        self._excluded: tuple[Any, ...] = ()
        self._excluded_names: tuple[str, ...] = ()

    def _old_spellings(self, learning_rate: float, old: dict[str, Any]) -> float:
        where = type(self).__name__
        unknown = {name: value for name, value in old.items() if name not in ("lr", "decay")}
        if unknown:
            known = [*inspect.signature(type(self)).parameters, *CommonArguments.__annotations__]
            raise unknown_keywords(where, unknown, [n for n in known if n not in ("common", "old")])
        if old.get("decay"):
            warn_user(f"{where}(decay=…) has no effect, as in Keras 3.", FutureWarning)
        if "lr" in old:
            warn_old_spelling(f"{where}(lr=…)", f"{where}(learning_rate=…)")
            return old["lr"]  # type: ignore[no-any-return]
        return learning_rate

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
    def learning_rate(self) -> float:
        """Step size; may be set at any time, and holds from the next step on."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        hint = None
        if callable(value) or isinstance(value, Mapping):
            hint = "schedules are not supported yet; set optimizer.learning_rate in a callback"
        elif isinstance(value, str):
            hint = "give a number"
        self._learning_rate = check_number(
            type(self).__name__, "learning_rate", value, 0, hint=hint
        )

    @property
    def lr(self) -> float:
        """The learning rate, as earlier Kerases spelled it."""
        warn_old_spelling("optimizer.lr", "optimizer.learning_rate")
        return self.learning_rate

    @lr.setter
    def lr(self, value: float) -> None:
        warn_old_spelling("optimizer.lr", "optimizer.learning_rate")
        self.learning_rate = value

    @property
    def slot_init(self) -> tuple[float, ...]:
        """First value of each slot."""
        return (0.0,) * len(self.slots)

    def hyper(self) -> tuple[float, ...]:
        """Returns the native update's scalars: the learning rate and those of `hyper_names`."""
        return (self.learning_rate, *(float(getattr(self, name)) for name in self.hyper_names))

    def exclude_from_weight_decay(
        self,
        var_list: Iterable[Any] | None = None,
        var_names: Iterable[str] | None = None,
    ) -> None:
        """Keeps weight decay away from some weights; call it before `compile`.

        Args:
            var_list: Weights, as `layer.weights` lists them.
            var_names: Parts of names: `["bias"]` excludes every weight that has `bias` in its name.

        Raises:
            ValueError: If `var_names` is a single string.
        """
        if isinstance(var_names, str):
            where = f"{type(self).__name__}.exclude_from_weight_decay"
            raise bad_argument(where, "a list of strings", "var_names", var_names)
        self._excluded = tuple(var_list or ())
        self._excluded_names = tuple(var_names or ())

    def decays(self, variable: Any) -> bool:
        """Tells whether weight decay applies to a weight.

        Args:
            variable: A weight; its `name` is looked at.
        """
        if self.weight_decay is None or any(variable is v for v in self._excluded):
            return False
        return not any(part in variable.name for part in self._excluded_names)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal optimizer, with Keras's keys."""
        return {
            "name": self.name,
            "learning_rate": self.learning_rate,
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": False,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": None,
            "loss_scale_factor": None,
            "gradient_accumulation_steps": None,
            **super().get_config(),
        }

    def __repr__(self) -> str:
        return f"<{type(self).__name__} learning_rate={self.learning_rate}>"


registry = Registry("optimizer", base=Optimizer, callables=False, ignore_case=True)
