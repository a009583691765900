"""Models of one text in both libraries, for the tests of Keras's files."""

from __future__ import annotations

import zipfile
from typing import Any

import jax
import keras
import numpy as np
import pytest

import fastmlp

BOTH_WAYS = [(keras, fastmlp), (fastmlp, keras), (fastmlp, fastmlp)]
ways = pytest.mark.parametrize(
    ("writer", "reader"), BOTH_WAYS, ids=lambda lib: str(lib.__name__).rpartition(".")[2]
)


def squared(y_true: Any, y_pred: Any) -> Any:
    return (y_true - y_pred) ** 2


def doubled(x: Any) -> Any:
    return x * 2


def own(lib: Any) -> dict[str, Any]:
    """Classes of the user's, of one text in both libraries."""

    class Own(lib.layers.Layer):
        """A weight, and a layer that has some."""

        def __init__(self, units=2, **kwargs):
            super().__init__(**kwargs)
            self.units, self.inner = units, lib.layers.Dense(units)

        def build(self, input_shape):
            self.inner.build(input_shape)
            self.w = self.add_weight(shape=(input_shape[-1], self.units), name="w")

        def call(self, x):
            return self.inner(x) + lib.ops.matmul(x, self.w)

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    class Net(lib.Model):
        """Layers in attributes before and after `layers`, in lists and dicts, and a private one."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            dense = lib.layers.Dense
            self.z, self.a = dense(2), dense(2)
            self.blocks = [dense(3), [dense(2)]]
            self.named = {"k": dense(1)}
            self.out, self._last = Own(3), dense(1)

        def call(self, x):
            y = self.blocks[1][0](self.blocks[0](self.a(self.z(x))))
            return self._last(self.out(self.named["k"](y)))

    class Graph(lib.Model):
        """A graph with arguments of its own."""

        def __init__(self, units=2, **kwargs):
            x = lib.Input((3,))
            super().__init__(x, lib.layers.Dense(units)(x), **kwargs)
            self.units = units

        def get_config(self):
            return {"units": self.units}

    found = {"Own": Own, "Net": Net, "Graph": Graph}
    return {**found, "squared": squared, "doubled": doubled}


OWN = {lib: own(lib) for lib in (keras, fastmlp)}


def row(lib: Any, *shape: int, of: Any) -> Any:
    return lib.Sequential([lib.Input(shape), *of(lib.layers)])


def shared(lib: Any) -> Any:
    """Two inputs, two named outputs, a layer that is called twice."""
    a, b = lib.Input((3,), name="a"), lib.Input((2,), name="b")
    twice = lib.layers.Dense(2, "tanh")
    h = lib.layers.Concatenate()([twice(lib.layers.Dense(2)(a)), twice(b)])
    v = lib.layers.Add()([twice(b), lib.layers.Dense(2)(h)])
    return lib.Model([a, b], {"u": lib.layers.Dense(1, name="u")(h), "v": v})


def nested(lib: Any) -> Any:
    """A graph and a row in a graph, each called twice; the last call is that of a graph."""
    b, a = lib.Input((3,)), lib.Input((3,))
    inner = row(lib, 3, of=lambda L: [L.Dense(3), L.Dense(3)])
    graph = lib.Model(b, lib.layers.Dense(3)(b))
    return lib.Model(a, graph(lib.layers.Subtract()([inner(graph(a)), inner(a)])))


def towers(lib: Any) -> Any:
    """Graphs and rows side by side."""
    a = lib.Input((4,))
    inputs = [lib.Input((4,)) for _ in range(3)]
    graphs = [lib.Model(x, lib.layers.Dense(i + 1)(x)) for i, x in enumerate(inputs)]
    rows = [row(lib, 4, of=lambda L, n=n: [L.Dense(n)]) for n in (4, 5, 6)]
    return lib.Model(a, lib.layers.Concatenate()([tower(a) for tower in graphs + rows]))


def functions(lib: Any) -> Any:
    a, ops = lib.Input((4,)), lib.ops
    y = ops.relu(lib.layers.Dense(4)(a) * 2.0) + a
    y = ops.concatenate([y, ops.mean(y, axis=-1, keepdims=True)], axis=1)
    return lib.Model(a, ops.reshape(y[:, 1:5], (-1, 2, 2)) ** 2 / ops.logsumexp(a))


def states(lib: Any) -> Any:
    a = lib.Input((3, 4))
    _, h, c = lib.layers.LSTM(3, return_state=True)(a)
    return lib.Model(a, lib.layers.LSTM(3, return_sequences=True)(a, initial_state=[h, c]))


def normalized(lib: Any) -> Any:
    layer = lib.layers.Normalization()
    layer.adapt(np.random.default_rng(1).normal(size=(9, 4)).astype("f4"))
    return lib.Sequential([lib.Input((4,)), layer, lib.layers.Dense(2)])


def few(L: Any) -> Any:
    return [L.Dense(3), L.ReLU(), L.ELU(), L.PReLU(), L.Softmax(), L.Activation("gelu"), L.Dense(
        4, activation=L.LeakyReLU(), use_bias=False, kernel_regularizer="l2", kernel_constraint="max_norm")]  # fmt: skip


def noises(L: Any) -> Any:
    return [L.Dropout(0.0), L.GaussianNoise(0.0), L.GaussianDropout(0.0), L.AlphaDropout(0.0),
            L.ActivityRegularization(0.1), L.Dense(2, kernel_initializer="he_normal")]  # fmt: skip


def shaped(L: Any) -> Any:
    return [L.Dense(6), L.Identity(), L.Rescaling(2.0), L.Reshape((3, 2)), L.Permute((2, 1)), L.Flatten(),
            L.RepeatVector(2), L.SpatialDropout1D(0.0), L.GlobalAveragePooling1D(),
            L.EinsumDense("ab,bc->ac", 4, bias_axes="c")]  # fmt: skip


def norms(L: Any) -> Any:
    return [L.BatchNormalization(), L.Dense(4), L.BatchNormalization(scale=False), L.LayerNormalization(),
            L.RMSNormalization(), L.GroupNormalization(2), L.UnitNormalization(), L.Dense(1)]  # fmt: skip


def recurrent(L: Any) -> Any:
    return [L.Masking(), L.Bidirectional(L.LSTM(2, return_sequences=True)), L.TimeDistributed(L.Dense(3)),
            L.RNN([L.GRUCell(2), L.LSTMCell(3)], return_sequences=True),
            L.GRU(2, return_sequences=True), L.SimpleRNN(3), L.Dense(2, name="out")]  # fmt: skip


def embedded(L: Any) -> Any:
    return [L.Embedding(7, 3, mask_zero=True), L.LSTM(2, dropout=0.0), L.Dense(1, "sigmoid")]


MODELS = {
    "activations": lambda lib: row(lib, 4, of=few),
    "noises": lambda lib: row(lib, 4, of=noises),
    "shapes": lambda lib: row(lib, 4, of=shaped),
    "norms": lambda lib: row(lib, 4, of=norms),
    "recurrent": lambda lib: row(lib, 3, 4, of=recurrent),
    "states": states,
    "embedding": lambda lib: row(lib, 5, of=embedded),
    "normalization": normalized,
    "discretization": lambda lib: row(
        lib, 4, of=lambda L: [L.Discretization([0.0, 0.5], output_mode="one_hot"), L.Dense(2)]
    ),
    "no input": lambda lib: lib.Sequential([lib.layers.Dense(3), lib.layers.Dense(2)]),
    "shared": shared,
    "nested": nested,
    "towers": towers,
    "functions": functions,
    "function as layer": lambda lib: row(lib, 4, of=lambda L: [L.Lambda(doubled), L.Dense(2)]),
    "own layer": lambda lib: row(lib, 3, of=lambda L: [OWN[lib]["Own"](4), L.Dense(1)]),
    "own model": lambda lib: OWN[lib]["Net"](),
    "own graph": lambda lib: OWN[lib]["Graph"](3),
}  # fmt: skip
SHAPES: dict[str, Any] = {
    "recurrent": (3, 4), "states": (3, 4), "nested": (3,), "own layer": (3,), "own model": (3,),
    "own graph": (3,),
}  # fmt: skip


def data(name: str) -> Any:
    random = np.random.default_rng(3)
    if name == "embedding":
        return random.integers(0, 7, (8, 5))
    if name == "shared":
        return [random.normal(size=(8, n)).astype("f4") for n in (3, 2)]
    return random.normal(size=(8, *SHAPES.get(name, (4,)))).astype("f4")


def fill(model: Any) -> None:
    sizes = enumerate(model.get_weights())
    model.set_weights(
        [0.1 + np.abs(0.3 * np.random.default_rng(i).normal(size=w.shape)) for i, w in sizes]
    )


def flat(values: Any) -> np.ndarray:
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree_util.tree_leaves(values)])


def train(model: Any, x: Any, y: Any) -> np.ndarray:
    model.fit(x, y, epochs=2, batch_size=4, shuffle=False, verbose=0)
    return flat(model.get_weights())


def trained(lib: Any, name: str) -> tuple[Any, Any, Any]:
    """A model after some steps, and the data that it saw."""
    x, model = data(name), MODELS[name](lib)
    y = jax.tree_util.tree_map(np.zeros_like, model.predict(x, verbose=0))
    if name != "normalization":
        fill(model)
    model.compile(lib.optimizers.SGD(0.01, momentum=0.9), "mse")
    train(model, x, y)
    return model, x, y


def load(lib: Any, path: Any, **arguments: Any) -> Any:
    return lib.models.load_model(path, custom_objects=OWN[lib], **arguments)


def small(lib: Any) -> Any:
    model = row(
        lib, 4, of=lambda L: [L.Dense(3, "tanh"), L.BatchNormalization(), L.Dense(2, "sigmoid")]
    )
    fill(model)
    return model


def write(path: Any, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
