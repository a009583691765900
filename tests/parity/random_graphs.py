"""Random functional models, described once and made with either library.

A description is a list of steps; each appends tensors to a list, reads earlier ones by number, and
is done by `make` with fastmlp or with Keras.
"""

from __future__ import annotations

from typing import Any

import numpy as np

MERGES = ("Add", "Multiply", "Average", "Maximum", "Minimum", "Subtract", "Concatenate", "Dot")
ACTIVATIONS = ("relu", "tanh", "sigmoid", "selu", "softplus", "elu", "gelu", "silu", None)
LOSSES = ("mse", "mae", "huber", "log_cosh")
REGULARIZERS = (None, None, None, "l2", "l1")


class Recipe:
    """A random graph: what `make` follows, step by step.

    Attributes:
        inputs: Features of each input.
        steps: What is done, in order.
        outputs: Numbers of the tensors that come out.
        widths: Features of every tensor.
        losses: A loss for each output.
        loss_weights: Its weight.
        batch_size: Samples in a batch.
        weighted: Whether samples have weights.
        frozen: Names of layers that are not trained.
    """

    def __init__(self, seed: int) -> None:
        rng = self._rng = np.random.default_rng(seed)
        self.inputs = [int(w) for w in rng.integers(2, 6, rng.integers(1, 4))]
        self.widths: list[int] = list(self.inputs)
        self.steps: list[tuple[Any, ...]] = []
        self._sharable: dict[int, list[str]] = {}  # by width of the input
        self._layer_width: dict[str, int] = {}
        self.frozen: list[str] = []
        for n in range(len(self.inputs)):
            self._dense(n)
        kinds = (self._dense, self._shared, self._merge, self._nested, self._operators, self._shape)
        for _ in range(rng.integers(3, 8)):
            kinds[rng.choice(len(kinds), p=[0.2, 0.2, 0.25, 0.1, 0.15, 0.1])]()
        ends = [self._all_loose() for _ in range(rng.integers(1, 3))]
        self.outputs = list(dict.fromkeys(ends))
        self.losses = [str(rng.choice(LOSSES)) for _ in self.outputs]
        self.loss_weights = [round(float(rng.uniform(0.2, 1.5)), 2) for _ in self.outputs]
        self.batch_size = int(rng.integers(3, 17))
        self.weighted = bool(rng.random() < 0.4)

    def _pick(self) -> int:
        """A tensor, later ones more often."""
        n = len(self.widths)
        return int(self._rng.choice(n, p=np.arange(1, n + 1) / (n * (n + 1) / 2)))

    def _new(self, width: int, *step: Any) -> int:
        self.steps.append(step)
        self.widths.append(width)
        return len(self.widths) - 1

    def _options(self) -> dict[str, Any]:
        rng = self._rng
        pick = lambda choices: choices[int(rng.integers(len(choices)))]  # noqa: E731
        return {
            "units": int(rng.integers(2, 7)),
            "activation": pick(ACTIVATIONS),
            "use_bias": bool(rng.random() < 0.8),
            "kernel_regularizer": pick(REGULARIZERS),
            "activity_regularizer": pick(REGULARIZERS) if rng.random() < 0.3 else None,
        }

    def _dense(self, source: int | None = None) -> None:
        x = self._pick() if source is None else source
        name = f"layer_{len(self.steps)}"
        options = self._options()
        if not options["activity_regularizer"]:  # Keras counts only the last call of such a layer
            self._sharable.setdefault(self.widths[x], []).append(name)
        self._layer_width[name] = options["units"]
        if self._rng.random() < 0.15:
            self.frozen.append(name)
        self._new(options["units"], "dense", name, options, x)

    def _shared(self) -> None:
        """A layer that was used before, on another tensor of the same width."""
        for _ in range(5):
            x = self._pick()
            names = self._sharable.get(self.widths[x])
            if names:
                name = names[int(self._rng.integers(len(names)))]
                self._new(self._layer_width[name], "again", name, x)
                return
        self._dense()

    def _merge(self) -> None:
        kind = str(self._rng.choice(MERGES))
        a = self._pick()
        same = [n for n, width in enumerate(self.widths) if width == self.widths[a]]
        if kind == "Concatenate":
            b = self._pick()
            self._new(self.widths[a] + self.widths[b], "merge", kind, {}, [a, b])
            return
        count = 2 if kind in ("Subtract", "Dot") else int(self._rng.integers(2, 4))
        xs = [a, *(int(n) for n in self._rng.choice(same, count - 1))]
        options = {"axes": 1, "normalize": bool(self._rng.random() < 0.5)} if kind == "Dot" else {}
        self._new(1 if kind == "Dot" else self.widths[a], "merge", kind, options, xs)

    def _nested(self) -> None:
        """A model of two layers with a skip connection, used once or twice."""
        x = self._pick()
        same = [n for n, width in enumerate(self.widths) if width == self.widths[x]]
        other = int(self._rng.choice(same))
        name = f"inner_{len(self.steps)}"
        options = self._options()
        many = self._rng.random() < 0.5
        y = self._new(self.widths[x], "model", name, self.widths[x], options, x)
        if many and other != x and not options["activity_regularizer"]:
            self._new(self.widths[y], "again", name, other)

    def _operators(self) -> None:
        x = self._pick()
        same = [n for n, width in enumerate(self.widths) if width == self.widths[x]]
        other = int(self._rng.choice(same))
        kind = str(self._rng.choice(["sum", "scaled", "slice", "sine"]))
        self._new(self.widths[x] - (kind == "slice" and self.widths[x] > 1), kind, x, other)

    def _shape(self) -> None:
        x = self._pick()
        kind = str(self._rng.choice(["dropout", "repeat", "activation"]))
        self._new(self.widths[x] * (2 if kind == "repeat" else 1), kind, x)

    def _all_loose(self) -> int:
        """A head on the sum of one layer on each tensor that nothing reads yet."""
        used = {n for step in self.steps for n in _reads(step)}
        loose = [n for n in range(len(self.widths)) if n not in used] or [self._pick()]
        width = int(self._rng.integers(1, 4))
        ends = []
        for n in loose:
            options = {"units": width, "activation": None, "use_bias": True}
            name = f"layer_{len(self.steps)}"
            ends.append(self._new(width, "dense", name, options, n))
        return ends[0] if len(ends) == 1 else self._new(width, "merge", "Add", {}, ends)

    # Data.

    def data(self) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray] | None]:
        """Inputs, targets, and weights of the samples of each output."""
        rng = np.random.default_rng(len(self.steps))
        rows = 3 * self.batch_size
        x = [rng.normal(size=(rows, w)).astype("f4") for w in self.inputs]
        y = [rng.normal(size=(rows, self.widths[n])).astype("f4") for n in self.outputs]
        w = [rng.uniform(0.2, 2, rows).astype("f4") for _ in y] if self.weighted else None
        return x, y, w


def _reads(step: tuple[Any, ...]) -> list[int]:
    last = step[-1]
    if step[0] in ("sum", "scaled", "slice", "sine"):
        return [step[1], *([step[2]] if step[0] == "sum" else [])]
    return list(last) if isinstance(last, list) else [last]


def make(recipe: Recipe, lib: Any) -> Any:
    """The model of a recipe, made with `fastmlp` or `keras`."""
    k = lib.layers
    inputs = [lib.Input((w,), name=f"in_{n}") for n, w in enumerate(recipe.inputs)]
    tensors: list[Any] = list(inputs)
    known: dict[str, Any] = {}
    for step in recipe.steps:
        match step:
            case "dense", name, options, x:
                known[name] = k.Dense(**options, name=name)
                known[name].trainable = name not in recipe.frozen
                y = known[name](tensors[x])
            case "again", name, x:
                y = known[name](tensors[x])
            case "merge", kind, options, xs:
                y = getattr(k, kind)(**options)([tensors[x] for x in xs])
            case "model", name, width, options, x:
                entry = lib.Input((width,))
                hidden = k.Dense(**options)(entry)
                end = k.Add()([entry, k.Dense(width)(hidden)])
                known[name] = lib.Model(entry, end, name=name)
                y = known[name](tensors[x])
            case "sum", x, other:
                y = 0.5 * tensors[x] - tensors[other] * 2
            case "scaled", x, _:
                y = 1.5 - tensors[x] / 2
            case "slice", x, _:
                y = tensors[x][:, 1:] if tensors[x].shape[1] > 1 else -tensors[x]
            case "sine", x, _:
                y = lib.ops.sin(tensors[x])
            case "dropout", x:
                y = k.Dropout(0.0)(tensors[x])
            case "repeat", x:
                y = k.Reshape((-1,))(k.Permute((2, 1))(k.RepeatVector(2)(tensors[x])))
            case "activation", x:
                y = k.Activation("softsign")(tensors[x])
        tensors.append(y)
    outputs = [tensors[n] for n in recipe.outputs]
    return lib.Model(inputs, outputs if len(outputs) > 1 else outputs[0])
