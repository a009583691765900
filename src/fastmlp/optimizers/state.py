"""What an optimizer remembers: the steps done, and arrays for each weight that it trains."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from fastmlp import _names, initializers, ops
from fastmlp.errors import bad_argument, check_int
from fastmlp.variables import Count, Variable, aligned_empty

_LINE = 64  # bytes: every array starts on a cache line


class NeedsSlot:
    """An argument that needs a slot unless it is 0 or False: what it is when the optimizer is built decides.

    Args:
        slot: Name of the slot.

    Raises:
        ValueError: It is set, once the optimizer is built, to what would need other slots. A number
            may become 0, which is a value like any other where there is a slot.
    """

    def __init__(self, slot: str) -> None:
        self.slot = slot

    def __set_name__(self, kind: type, name: str) -> None:
        self._name = name

    def __get__(self, optimizer: Any, kind: type | None = None) -> Any:
        return self if optimizer is None else vars(optimizer).get(self._name)

    def __set__(self, optimizer: Any, value: Any) -> None:
        has, switch = self.slot in optimizer._built_slots, isinstance(value, (bool, np.bool_))
        if optimizer.built and (bool(value) > has or (switch and value != has)):
            where, now = type(optimizer).__name__, vars(optimizer)[self._name]
            expected = f"{self._name}={now!r}, as when it was built for its weights"
            hint = "make a new optimizer"
            raise bad_argument(where, expected, self._name, value, hint)
        vars(optimizer)[self._name] = value


class State:
    """Base of optimizers: their memory, made by `build`.

    A built-in optimizer keeps the arrays named by `slots`, its moving averages of the weights and
    its accumulated gradients in `state`, where the plan finds them. Variables that a subclass adds
    by `add_variable` are its own business.

    Attributes:
        state: The arrays of each weight: `slots`, then those of the common options.
        built: Whether it has weights to train.
    """

    name: str
    slots: tuple[str, ...]
    use_ema: bool
    gradient_accumulation_steps: int | None

    def __init__(self) -> None:
        self.state: dict[Variable, list[np.ndarray]] = {}
        self.built = False
        self._built_slots: tuple[str, ...] = ()
        self._iteration = Variable(0, dtype="int64", trainable=False, name="iteration")
        self._own: list[Variable] = []
        self._views: dict[Variable, list[Variable]] = {}
        self._builds = 0
        self._traced_iterations: Any = None
        self._trainable_variables: list[Variable] = []

    # Steps.

    @property
    def steps(self) -> int:
        """Batches seen so far; the step that schedules get."""
        return int(self._iteration.value)

    @steps.setter
    def steps(self, value: int) -> None:
        self._iteration.value[...] = value

    @property
    def iterations(self) -> Any:
        """Updates done so far: `steps`, or fewer where gradients are accumulated.

        A tensor while `update_step` is traced.
        """
        if self._traced_iterations is not None:
            return self._traced_iterations
        return Count(self.steps // (self.gradient_accumulation_steps or 1), self, "iterations")

    @iterations.setter
    def iterations(self, value: int) -> None:
        value = check_int(type(self).__name__, "iterations", value, 0)
        self.steps = value * (self.gradient_accumulation_steps or 1)

    # Arrays.

    @property
    def slot_init(self) -> tuple[float | None, ...]:
        """First value of each slot; `None`: that of the weight."""
        return (0.0,) * len(self.slots)

    @property
    def slot_names(self) -> tuple[str, ...]:
        """Names of the arrays in `state`: the slots, the moving average, the accumulator."""
        average = ("average",) if self.use_ema else ()
        accumulator = ("gradient_accumulator",) if self.gradient_accumulation_steps else ()
        return (*self.slots, *average, *accumulator)

    def build(self, variables: Iterable[Any]) -> None:
        """Makes the arrays for weights; they stay as they are for weights that have them.

        Args:
            variables: All weights to be trained.

        Raises:
            ValueError: If steps have been done on other weights, or an option that needs arrays
                was switched after the first step.
        """
        given = list(variables)
        for variable in given:
            if not isinstance(variable, Variable):
                where, expected = f"{type(self).__name__}.build", "weights, as model.weights"
                hint = (
                    "a layer's are layer.trainable_weights; layer.kernel is an array, a view of one"
                )
                raise bad_argument(where, expected, "variables", type(variable), hint)
        new = [v for v in given if v not in self.state]
        known = next(iter(self.state.values()), None)
        if new and known is not None and self.steps and (known or self._own):
            raise ValueError(
                f"{type(self).__name__}: the optimizer has done {self.steps} steps on other "
                f"weights than '{new[0].path}'. Hint: compile the model with a new optimizer"
            )
        if known is not None and len(known) != len(self.slot_names):
            raise ValueError(
                f"{type(self).__name__}: expected use_ema and gradient_accumulation_steps as they "
                "were when the optimizer was built. Hint: make a new optimizer"
            )
        self.state.update(self._arrays(new))
        self._trainable_variables = given
        self._own = []
        self._builds += 1
        self._built_slots = self.slots
        self.built = True

    def _has_slot(self, name: str, wanted: Any) -> bool:
        """Whether it keeps an array: what it wants before it is built, what it has got after that."""
        return name in self._built_slots if self.built else bool(wanted)

    def _arrays(self, variables: Sequence[Variable]) -> dict[Variable, list[np.ndarray]]:
        """New slots for weights: those of a name one after the other, as a model's weights are."""
        names, firsts = self.slot_names, self.slot_init
        arena = aligned_empty(sum(_padded_bytes(v) for v in variables) * len(names), np.uint8)
        arena[...] = 0
        found: dict[Variable, list[np.ndarray]] = {variable: [] for variable in variables}
        start = 0
        for i, name in enumerate(names):
            first = firsts[i] if i < len(firsts) else None if name == "average" else 0
            for variable, arrays in found.items():
                end = start + variable.value.nbytes
                slot = arena[start:end].view(variable.dtype).reshape(variable.shape)
                slot[...] = variable.value if first is None else first
                arrays.append(slot)
                start += _padded_bytes(variable)
        return found

    @property
    def variables(self) -> list[Variable]:
        """Everything that changes while training, as live views; in Keras's order."""
        found = [self._iteration]
        rate = getattr(self, "_learning_rate", None)
        if isinstance(rate, Variable):
            found.append(rate)
        n = len(self.slots)
        extras = range(n, len(self.slot_names))
        for i in extras:
            found += [self._named(v, i) for v in self.state]
        found += [self._named(v, i) for v in self.state for i in range(n)]
        return found + self._own

    def _named(self, variable: Variable, slot: int) -> Variable:
        name = f"{variable.path.replace('/', '_')}_{self.slot_names[slot]}"
        view = Variable.around(self.state[variable][slot], name)
        view.path = f"{self.name}/{name}"
        return view

    def slot_variables(self, variable: Variable) -> list[Variable]:
        """The slots of a weight, as variables that an `update_step` that is traced assigns."""
        arrays = self.state[variable][: len(self.slots)]
        known = self._views.get(variable, [])
        if len(known) != len(arrays) or any(
            v.value is not array for v, array in zip(known, arrays, strict=True)
        ):
            known = [self._named(variable, i) for i in range(len(arrays))]
            self._views[variable] = known
        return known

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Sets all `variables`.

        Raises:
            ValueError: If number or shapes do not agree; nothing has changed then.
        """
        variables = self.variables
        where = f"{type(self).__name__}.set_weights"
        values = [np.asarray(w) for w in weights]
        if len(values) != len(variables):
            hint = None if self.built else "call optimizer.build(model.trainable_weights) first"
            expected = f"{len(variables)} arrays, as optimizer.variables"
            raise bad_argument(where, expected, "len(weights)", len(values), hint)
        for variable, value in zip(variables, values, strict=True):
            if value.shape != variable.shape:
                expected = f"shape {variable.shape} for '{variable.path}'"
                raise bad_argument(where, expected, "shape", value.shape)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    # For subclasses with an `update_step` of their own.

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any = "zeros",
        dtype: str | None = None,
        aggregation: str = "none",
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Adds an array to the optimizer's state.

        Args:
            shape: Its shape.
            initializer: Gives its first value. Default: zeros.
            dtype: Element type; `None`: that of the first weight.
            aggregation: Accepted, as Keras has it; there is one device.
            layout: Accepted, as Keras has it.
            name: For `variables`.

        Returns:
            The variable; `assign`, `assign_add` and `assign_sub` change it.
        """
        if dtype is None:
            dtype = self._trainable_variables[0].dtype if self._trainable_variables else "float32"
        value = initializers.get(initializer)(tuple(shape), dtype)
        name = name or _names.unique_name("variable")
        variable = Variable(value, dtype=dtype, trainable=False, name=name)
        variable.path = f"{self.name}/{variable.name}"
        self._own.append(variable)
        return variable

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """Adds an array of the shape and dtype of a weight.

        Args:
            reference_variable: The weight.
            name: What it holds, as `"momentum"`.
            initializer: Gives its first value. Default: zeros.
        """
        reference = reference_variable
        label = f"{reference.path.replace('/', '_')}_{name or 'var'}"
        return self.add_variable(reference.shape, initializer, reference.dtype, name=label)

    def add_optimizer_variables(
        self, trainable_variables: Iterable[Variable], name: Any, initializer: Any = "zeros"
    ) -> Any:
        """Adds an array for each of some weights.

        Args:
            trainable_variables: The weights.
            name: What the arrays hold; or a list of names, for as many arrays a weight.
            initializer: Gives their first values; one for all, or a list.

        Returns:
            A list of variables; a tuple of lists for a list of names.
        """
        names = [name] if isinstance(name, str) else list(name)
        firsts = initializer if isinstance(initializer, (list, tuple)) else [initializer]
        firsts = list(firsts) * (len(names) if len(firsts) == 1 else 1)
        if len(firsts) != len(names):
            where = f"{type(self).__name__}.add_optimizer_variables"
            raise bad_argument(where, f"{len(names)} initializers", "initializer", initializer)
        found: tuple[list[Variable], ...] = tuple([] for _ in names)
        for variable in trainable_variables:
            for label, first, one in zip(names, firsts, found, strict=True):
                one.append(self.add_variable_from_reference(variable, label, first))
        return found[0] if isinstance(name, str) else found

    def _get_variable_index(self, variable: Variable) -> int:
        """Place of a weight among those of `build`; Keras's name for it."""
        return next(i for i, v in enumerate(self._trainable_variables) if v is variable)

    def assign(self, variable: Variable, value: Any) -> None:
        """Sets a variable in place."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        """Adds to a variable in place."""
        variable.assign(ops.add(variable, value))

    def assign_sub(self, variable: Variable, value: Any) -> None:
        """Subtracts from a variable in place."""
        variable.assign(ops.subtract(variable, value))


def _padded_bytes(variable: Variable) -> int:
    return -(-variable.value.nbytes // _LINE) * _LINE
