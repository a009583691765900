"""Files of Keras: written here and read by Keras, written by Keras and read here, and by fastmlp alone."""

from __future__ import annotations

import json
import sys
import warnings
import zipfile
from types import SimpleNamespace
from typing import Any

import h5py
import jax
import keras
import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, callbacks, config, layers, models, optimizers

# Keras's own, when h5py turns one of its variables into an array
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

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


def load(lib: Any, path: Any, **arguments: Any) -> Any:
    return lib.models.load_model(path, custom_objects=OWN[lib], **arguments)


@ways
@pytest.mark.parametrize("name", MODELS)
def test_a_model_predicts_and_trains_on_as_the_one_that_was_saved(name, writer, reader, tmp_path):
    x, model = data(name), MODELS[name](writer)
    y = jax.tree_util.tree_map(np.zeros_like, model.predict(x, verbose=0))
    if name != "normalization":
        fill(model)
    model.compile(writer.optimizers.SGD(0.01, momentum=0.9), "mse")
    train(model, x, y)
    model.save(tmp_path / "m.keras")
    twin = load(reader, tmp_path / "m.keras")
    expected = flat(model.predict(x, verbose=0))
    np.testing.assert_allclose(flat(twin.predict(x, verbose=0)), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(train(twin, x, y), train(model, x, y), rtol=1e-3, atol=1e-5)


@ways
@pytest.mark.parametrize("name", MODELS)
def test_weights_alone_go_both_ways(name, writer, reader, tmp_path):
    x, model, twin = data(name), MODELS[name](writer), MODELS[name](reader)
    model.predict(x, verbose=0), twin.predict(x, verbose=0)
    fill(model)
    model.save_weights(tmp_path / "m.weights.h5")
    twin.load_weights(tmp_path / "m.weights.h5")
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def small(lib: Any) -> Any:
    model = row(
        lib, 4, of=lambda L: [L.Dense(3, "tanh"), L.BatchNormalization(), L.Dense(2, "sigmoid")]
    )
    fill(model)
    return model


OPTIMIZERS: dict[str, Any] = {
    name: {}
    for name in (
        "SGD", "Adam", "AdamW", "Adamax", "Nadam", "RMSprop", "Adagrad", "Adadelta", "Ftrl", "Lion",
        "Adafactor", "Lamb", "Muon", "ScheduleFreeAdamW",
    )
}  # fmt: skip
OPTIMIZERS |= {
    "SGD momentum": {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "clipnorm": 1.0},
    "Adam amsgrad": {"amsgrad": True},
    "Adam accumulating": {"gradient_accumulation_steps": 2},
    "RMSprop all": {"momentum": 0.9, "centered": True},
}


def made(lib: Any, name: str) -> Any:
    if name == "schedule":
        return lib.optimizers.Adam(lib.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5))
    if name == "scaled":
        return lib.optimizers.LossScaleOptimizer(lib.optimizers.Adam())
    return getattr(lib.optimizers, name.split()[0])(**OPTIMIZERS[name])


@ways
@pytest.mark.parametrize("name", [*OPTIMIZERS, "schedule", "scaled"])
def test_every_optimizer_goes_on(name, writer, reader, tmp_path):
    x = data("small")
    y = np.abs(x[:, :2])
    model = small(writer)
    model.compile(made(writer, name), "mse")
    train(model, x, y)
    model.save(tmp_path / "m.keras")
    twin = load(reader, tmp_path / "m.keras")
    assert int(twin.optimizer.iterations) == int(model.optimizer.iterations) > 0
    np.testing.assert_allclose(train(twin, x, y), train(model, x, y), rtol=1e-3, atol=1e-5)


def settings(lib: Any) -> dict[str, Any]:
    """Of `compile`, with what each form may be."""
    named = {"u": lib.losses.Hinge(), "v": squared}
    metrics = {"u": ["mae", lib.metrics.RootMeanSquaredError(name="r")], "v": [squared]}
    weighted = {"u": ["mse"], "v": [lib.metrics.binary_accuracy]}
    return {"loss": named, "loss_weights": {"u": 0.5, "v": 2.0}, "metrics": metrics,
            "weighted_metrics": weighted}  # fmt: skip


@ways
def test_losses_and_metrics_are_those_of_before(writer, reader, tmp_path):
    x = data("shared")
    y = {"u": np.ones((8, 1), "f4"), "v": np.ones((8, 2), "f4")}
    model = shared(writer)
    model.compile("adam", **settings(writer))
    train(model, x, y)
    model.save(tmp_path / "m.keras")
    found = load(reader, tmp_path / "m.keras").evaluate(x, y, verbose=0, return_dict=True)
    expected = model.evaluate(x, y, verbose=0, return_dict=True)
    assert found.keys() == expected.keys()
    np.testing.assert_allclose(list(found.values()), list(expected.values()), rtol=1e-4)


@ways
def test_compile_false_leaves_it_uncompiled(writer, reader, tmp_path):
    model = small(writer)
    model.compile("adam", "mse")
    model.save(tmp_path / "m.keras")
    assert not load(reader, tmp_path / "m.keras", compile=False).compiled


def test_the_optimizer_of_a_model_that_was_not_trained_starts_from_its_rate(tmp_path):
    model = small(fastmlp)
    model.compile(optimizers.Adam(0.02), "mse")
    model.save(tmp_path / "m.keras")
    twin = models.load_model(tmp_path / "m.keras")
    assert twin.optimizer.learning_rate == 0.02 and twin.optimizer.iterations == 0


def test_frozen_layers_stay_so(tmp_path):
    model = small(fastmlp)
    model.layers[0].trainable = False
    model.save(tmp_path / "m.keras")
    for lib in (keras, fastmlp):
        twin = load(lib, tmp_path / "m.keras")
        assert [layer.trainable for layer in twin.layers] == [False, True, True]


def test_a_vocabulary_in_a_file_of_its_own_is_read(tmp_path):
    """As Keras stores that of a layer that was adapted."""
    look_up = layers.StringLookup(vocabulary=["b", "a"], output_mode="multi_hot")
    model = Sequential([Input((2,), dtype="string"), look_up, layers.Dense(2)])
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    described = json.loads(members["config.json"])
    described["config"]["layers"][1]["config"]["vocabulary"] = None
    members["config.json"] = json.dumps(described).encode()
    members["assets/layers/string_lookup/vocabulary.txt"] = b"[UNK]\nb\na"
    write(tmp_path / "n.keras", members)
    x = np.array([["a", "q"], ["b", "a"]])
    twin = models.load_model(tmp_path / "n.keras")
    np.testing.assert_array_equal(twin.predict(x, verbose=0), model.predict(x, verbose=0))


def write(path: Any, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


# What is refused.


def test_python_code_runs_only_where_that_is_asked_for(tmp_path, monkeypatch):
    keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x * 2 + 1)]).save(
        tmp_path / "m.keras"
    )
    with pytest.raises(ValueError, match=r"no Python code.*safe_mode=False"):
        models.load_model(tmp_path / "m.keras")
    model = models.load_model(tmp_path / "m.keras", safe_mode=False)
    np.testing.assert_array_equal(model.predict(np.ones((1, 2)), verbose=0), [[3, 3]])
    monkeypatch.setitem(config._settings, "unsafe_deserialization", False)  # as after the test
    config.enable_unsafe_deserialization()
    assert len(models.load_model(tmp_path / "m.keras").layers) == 1


def test_classes_of_ones_own_are_to_be_handed_over(tmp_path):
    row(fastmlp, 3, of=lambda L: [OWN[fastmlp]["Own"](4)]).save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match=r"Unknown layer 'Own'.*custom_objects"):
        models.load_model(tmp_path / "m.keras")


@pytest.mark.parametrize("ending", ["keras", "weights.h5"])
def test_no_damaged_file_changes_a_model(ending, tmp_path):
    model, path = small(fastmlp), tmp_path / f"m.{ending}"
    (model.save if ending == "keras" else model.save_weights)(path)
    before, content = flat(model.get_weights()), path.read_bytes()
    damaged = [content[:n] for n in range(0, len(content), len(content) // 23)]
    damaged += [b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"x" * 99]
    for part in damaged:
        path.write_bytes(part)
        with pytest.raises(ValueError, match=r"m\..*damaged, or another"):
            model.load_weights(path)
        if ending == "keras":
            with pytest.raises(ValueError, match="damaged, or another"):
                models.load_model(path)
    np.testing.assert_array_equal(flat(model.get_weights()), before)


def test_each_byte_of_a_keras_file_that_is_not_what_it_was_is_noticed_or_harmless(tmp_path):
    model, path = small(fastmlp), tmp_path / "m.keras"
    model.save(path)
    content = path.read_bytes()
    for at in range(0, len(content), 97):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x41]) + content[at + 1 :])
        try:
            twin = models.load_model(path)
        except ValueError:
            continue
        np.testing.assert_array_equal(flat(twin.get_weights()), flat(model.get_weights()))


@pytest.mark.parametrize("kind", ["external", "soft", "bomb", "text", "shape", "missing"])
def test_no_array_is_believed(kind, tmp_path):
    model = Sequential([Input((3,)), layers.Dense(2)])
    path = tmp_path / "m.weights.h5"
    model.save_weights(path)
    before = flat(model.get_weights())
    with h5py.File(path, "a") as file:
        group = file["layers/dense/vars"]
        group["kept"] = group["0"][()]
        del group["0"]
        if kind == "external":
            group["0"] = h5py.ExternalLink("other.h5", "/x")
        elif kind == "soft":
            group["0"] = h5py.SoftLink("/layers/dense/vars/kept")
        elif kind == "bomb":
            group.create_dataset("0", (1 << 40,), "f4", chunks=(1 << 20,), compression="gzip")
        elif kind == "text":
            group["0"] = np.array([b"ab"] * 6).reshape(3, 2)
        elif kind == "shape":
            group["0"] = np.zeros((2, 3), "f4")
        del group["kept"]
    with pytest.raises(ValueError, match=r"load_weights: '.*m\.weights\.h5': expected"):
        model.load_weights(path)
    np.testing.assert_array_equal(flat(model.get_weights()), before)


def test_a_config_that_wants_more_than_the_file_holds_gets_no_memory(tmp_path):
    Sequential([Input((3,)), layers.Dense(2)]).save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["config.json"] = members["config.json"].replace(b'"units": 2', b'"units": 2000000000')
    write(tmp_path / "m.keras", members)
    with pytest.raises(ValueError, match="expected weights of other shapes"):
        models.load_model(tmp_path / "m.keras")


def test_another_model_is_told_where_it_differs_and_may_be_skipped(tmp_path):
    path = tmp_path / "m.weights.h5"
    saved = Sequential([Input((2,)), layers.Dense(3), layers.Dense(1)])
    other = Sequential([Input((2,)), layers.Dense(3), layers.Dense(4)])
    saved.save_weights(path)
    expected = r"expected \[\(3, 4\), \(4,\)\] for Dense '.*' at 'layers/dense_1'.*skip_mismatch"
    before = flat(other.get_weights())
    with pytest.raises(ValueError, match=expected):
        other.load_weights(path)
    np.testing.assert_array_equal(flat(other.get_weights()), before)
    with pytest.warns(UserWarning, match="left alone"):
        other.load_weights(path, skip_mismatch=True)
    np.testing.assert_array_equal(other.layers[0].kernel, saved.layers[0].kernel)
    np.testing.assert_array_equal(flat(other.layers[1].get_weights()), before[9:])
    same = Sequential([Input((2,)), layers.Dense(3), layers.Dense(1)])
    last = same.layers[1].get_weights()[0]
    same.load_weights(path, objects_to_skip=[same.layers[1]])
    np.testing.assert_array_equal(same.layers[1].kernel, last)
    with pytest.raises(ValueError, match="not built"):
        Sequential([layers.Dense(3)]).load_weights(path)


def test_another_optimizer_keeps_its_state_and_says_so(tmp_path):
    x, model = data("small"), small(fastmlp)
    model.compile("adam", "mse")
    train(model, x, x[:, :2])
    model.save(tmp_path / "m.keras")
    other = small(fastmlp)
    other.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="state of SGD is left alone"):
        other.load_weights(tmp_path / "m.keras")
    assert other.optimizer.iterations == 0
    np.testing.assert_array_equal(flat(other.get_weights()), flat(model.get_weights()))


def test_without_h5py_the_package_to_install_is_named(tmp_path, monkeypatch):
    model = small(fastmlp)
    model.save(tmp_path / "m.keras")
    monkeypatch.setitem(sys.modules, "h5py", None)
    for call in (model.save, model.load_weights, models.load_model, callbacks.ModelCheckpoint):
        with pytest.raises(ImportError, match=r'pip install "fastmlp\[keras-files\]"'):
            call(tmp_path / "m.keras")


def test_a_file_that_is_there_stays_if_that_is_asked_for(tmp_path, monkeypatch):
    path, model = tmp_path / "m.keras", small(fastmlp)
    model.save(path)
    before = path.read_bytes()
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save(path, overwrite=False)
    assert path.read_bytes() == before
    model.layers[0].kernel[...] += 1
    model.save(path)
    np.testing.assert_array_equal(
        flat(models.load_model(path).get_weights()), flat(model.get_weights())
    )
    assert [file.name for file in tmp_path.iterdir()] == ["m.keras"]


# In training.


def test_checkpoints_as_tutorials_write_them(tmp_path):
    x = data("small")
    model = small(fastmlp)
    model.compile("adam", "mse")
    best = callbacks.ModelCheckpoint(tmp_path / "best.keras", save_best_only=True, monitor="loss")
    each = callbacks.ModelCheckpoint(tmp_path / "{epoch:02d}.weights.h5", save_weights_only=True)
    stop = callbacks.EarlyStopping("loss", restore_best_weights=True)
    model.fit(x, x[:, :2], epochs=3, verbose=0, callbacks=[best, each, stop])
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == ["01.weights.h5", "02.weights.h5", "03.weights.h5", "best.keras"]
    for lib in (keras, fastmlp):
        twin = load(lib, tmp_path / "best.keras")
        np.testing.assert_allclose(flat(twin.get_weights()), flat(model.get_weights()), rtol=1e-6)
        twin.load_weights(tmp_path / "01.weights.h5")


def test_the_files_are_laid_out_as_those_of_keras(tmp_path):
    found = []
    for lib in (keras, fastmlp):
        model = small(lib)
        model.compile("adam", "mse")
        train(model, data("small"), data("small")[:, :2])
        path = tmp_path / f"{lib.__name__}.keras"
        model.save(path)
        with zipfile.ZipFile(path) as archive:
            assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
            members = archive.namelist()
            arrays: dict[str, Any] = {}
            with archive.open("model.weights.h5") as inner, h5py.File(inner) as file:
                file.visititems(
                    lambda name, item, arrays=arrays: arrays.update(
                        {name: (item.shape, item.dtype)} if isinstance(item, h5py.Dataset) else {}
                    )
                )
        found.append(SimpleNamespace(members=members, arrays=arrays))
    assert found[0] == found[1]


def test_nothing_warns_where_all_fits(tmp_path):
    model = small(fastmlp)
    model.compile("adam", "mse")
    train(model, data("small"), data("small")[:, :2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.save(tmp_path / "m.keras")
        models.load_model(tmp_path / "m.keras").load_weights(tmp_path / "m.keras")


# The format of Keras 2.

LEGACY = [name for name in MODELS if name not in ("functions", "own model")]  # Keras refuses those


@ways
@pytest.mark.parametrize("name", LEGACY)
def test_a_legacy_file_holds_a_model_and_its_training(name, writer, reader, tmp_path):
    x, model = data(name), MODELS[name](writer)
    y = jax.tree_util.tree_map(np.zeros_like, model.predict(x, verbose=0))
    if name != "normalization":
        fill(model)
    model.compile(writer.optimizers.SGD(0.01, momentum=0.9), "mse", metrics=None)
    train(model, x, y)
    path = tmp_path / "m.h5"
    if writer is fastmlp:
        with pytest.warns(UserWarning, match="legacy"):
            model.save(path)
    else:
        model.save(path)
    twin = load(reader, path)
    expected = flat(model.predict(x, verbose=0))
    np.testing.assert_allclose(flat(twin.predict(x, verbose=0)), expected, rtol=1e-4, atol=1e-5)
    fill(twin)
    twin.load_weights(path)
    np.testing.assert_allclose(flat(twin.predict(x, verbose=0)), expected, rtol=1e-4, atol=1e-5)
    if reader is fastmlp:  # Keras builds the optimizer for no weights, and then cannot train on
        np.testing.assert_allclose(train(twin, x, y), train(model, x, y), rtol=1e-3, atol=1e-5)


def test_a_graph_as_keras_2_wrote_it_is_understood():
    dense = {"class_name": "Dense", "config": {"name": "d", "units": 2}, "name": "d",
             "inbound_nodes": [[["a", 0, 0, {}]], [["d", 0, 0, {}]]]}  # fmt: skip
    both = {"class_name": "Add", "config": {"name": "s"}, "name": "s",
            "inbound_nodes": [[["d", 0, 0, {}], ["d", 1, 0, {}]]]}  # fmt: skip
    first = {"class_name": "InputLayer", "config": {"batch_shape": [None, 2], "name": "a"},
             "name": "a", "inbound_nodes": []}  # fmt: skip
    config = {"layers": [first, dense, both], "input_layers": [["a", 0, 0]],
              "output_layers": [["s", 0, 0]], "name": "m"}  # fmt: skip
    model = fastmlp.Model.from_config(config)
    assert model.output_shape == (None, 2) and model.count_params() == 6


def test_a_legacy_file_that_does_not_fit_changes_nothing(tmp_path):
    path = tmp_path / "m.h5"
    saved = Sequential([Input((2,)), layers.Dense(3), layers.Dense(1)])
    other = Sequential([Input((2,)), layers.Dense(3), layers.Dense(4)])
    with pytest.warns(UserWarning, match="legacy"):
        saved.save(path)
    before = flat(other.get_weights())
    with pytest.raises(ValueError, match=r"expected \[\(3, 4\), \(4,\)\] for layer.*skip_mismatch"):
        other.load_weights(path)
    np.testing.assert_array_equal(flat(other.get_weights()), before)
    with pytest.warns(UserWarning, match="left alone"):
        other.load_weights(path, skip_mismatch=True)
    np.testing.assert_array_equal(other.layers[0].kernel, saved.layers[0].kernel)
    with pytest.raises(ValueError, match=r"\.weights\.h5"):
        saved.save_weights(path)
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(ValueError, match="damaged, or another"):
        models.load_model(path)


def test_a_file_of_keras_2_is_read_and_trains(tmp_path):
    first = {"batch_input_shape": [None, 3, 4], "dtype": "float32", "name": "in", "ragged": False}
    lstm = {"name": "lstm", "batch_input_shape": [None, 3, 4], "units": 2, "time_major": False}
    wrapped = {"name": "mae", "dtype": "float32", "fn": "mean_absolute_error"}
    rows = [("InputLayer", first), ("LSTM", lstm), ("Dense", {"name": "out", "units": 1})]
    inner = {"name": "m", "layers": [{"class_name": k, "config": c} for k, c in rows]}
    settings = {"loss": "mse", "loss_weights": None, "weighted_metrics": None,
                "metrics": [[{"class_name": "MeanMetricWrapper", "config": wrapped}]],
                "optimizer_config": {"class_name": "SGD", "config": {"learning_rate": 0.5}}}  # fmt: skip
    shapes = {"lstm": {"kernel:0": (4, 8), "recurrent_kernel:0": (2, 8), "bias:0": (8,)},
              "out": {"kernel:0": (2, 1), "bias:0": (1,)}}  # fmt: skip
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": inner})
        file.attrs["training_config"] = json.dumps(settings)
        file.create_group("model_weights").attrs["layer_names"] = [b"lstm", b"out"]
        for name, arrays in shapes.items():
            group = file.create_group(f"model_weights/{name}/{name}")
            group.parent.attrs["weight_names"] = [f"{name}/{key}".encode() for key in arrays]
            for key, shape in arrays.items():
                group[key] = np.full(shape, 0.1, "f4")
    model = models.load_model(tmp_path / "m.h5")
    assert all((w == np.float32(0.1)).all() for w in model.get_weights())
    assert float(model.optimizer.learning_rate) == 0.5
    history = model.fit(np.ones((4, 3, 4)), np.ones((4, 1)), verbose=0).history
    assert sorted(history) == ["loss", "mae"]
