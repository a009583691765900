"""Models come back from files as they were, and go on to the bits they would have gone to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import fastmlp
from fastmlp import (
    Input,
    Sequential,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    saving,
)
from fastmlp.saving.safetensors import read, write


@pytest.fixture(autouse=True)
def _seed():
    fastmlp.utils.set_random_seed(1)


def data(n: int = 40) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 5)).astype("float32")
    return x, np.tanh(x[:, :2] - x[:, 1:3])


def make(dtype: str = "float32") -> Sequential:
    return Sequential(
        [
            Input((5,)),
            layers.Dense(8, "relu", kernel_regularizer="l2", dtype=dtype, name="first"),
            layers.Dropout(0.3, dtype=dtype),
            layers.Dense(2, kernel_constraint="max_norm", dtype=dtype),
        ],
        name="small",
    )


def bits(model: Any) -> list[bytes]:
    return [w.tobytes() for w in model.get_weights()]


def fit(model: Any, **arguments: Any) -> dict[str, list[float]]:
    x, y = data()
    return model.fit(x, y, **{"batch_size": 8, "verbose": 0, **arguments}).history


OPTIMIZERS = {
    "sgd": lambda: "sgd",
    "nadam": lambda: optimizers.Nadam(0.01, clipnorm=1.0),
    "amsgrad": lambda: optimizers.Adam(0.01, amsgrad=True),
    "rmsprop": lambda: optimizers.RMSprop(0.01, momentum=0.9, centered=True),
    "average": lambda: optimizers.SGD(0.1, momentum=0.9, use_ema=True, ema_overwrite_frequency=7),
    "accumulated": lambda: optimizers.Adam(0.01, gradient_accumulation_steps=3),
    "schedule": lambda: optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 5, 0.9)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_training_from_a_file_goes_on_to_the_same_bits(name, dtype, tmp_path):
    model = make(dtype)
    model.compile(OPTIMIZERS[name](), "mse", metrics=["mae"])
    fit(model, epochs=2)
    model.save(tmp_path / "m.fastmlp")
    twin = models.load_model(tmp_path / "m.fastmlp")
    assert bits(twin) == bits(model)
    assert fit(twin, epochs=3) == fit(model, epochs=3)
    assert bits(twin) == bits(model)
    assert twin.optimizer.iterations == model.optimizer.iterations


def test_two_fits_with_a_file_between_them_are_one(tmp_path):
    whole = make()
    start = whole.get_weights()
    whole.compile("adam", "mse")
    fastmlp.utils.set_random_seed(4)
    fit(whole, epochs=5)
    part = make()
    part.set_weights(start)
    part.compile("adam", "mse")
    fastmlp.utils.set_random_seed(4)
    fit(part, epochs=2)
    part.save(tmp_path / "m.fastmlp")
    part = models.load_model(tmp_path / "m.fastmlp")
    fit(part, initial_epoch=2, epochs=5)
    assert bits(part) == bits(whole)


def test_weights_bring_the_training_along_too(tmp_path):
    model = make()
    model.compile("adam", "mse")
    fit(model, epochs=2)
    model.save_weights(tmp_path / "w.safetensors")
    twin = make()
    twin.compile("adam", "mse")
    twin.load_weights(tmp_path / "w.safetensors")
    assert fit(twin, epochs=2) == fit(model, epochs=2)


def test_the_model_comes_back_as_it_was(tmp_path):
    model = make()
    model.layers[0].trainable = False
    model.compile(
        optimizers.SGD(0.5, momentum=0.25),
        losses.Huber(2.0),
        loss_weights=[0.5],
        metrics=["mae", metrics.RootMeanSquaredError(name="root")],
        weighted_metrics=["mse"],
    )
    model.save(tmp_path / "m.fastmlp")
    twin = models.load_model(tmp_path / "m.fastmlp")
    assert twin.name == "small" and type(twin) is Sequential
    assert [layer.get_config() for layer in twin.layers] == [
        layer.get_config() for layer in model.layers
    ]
    assert [v.trainable for v in twin.weights] == [v.trainable for v in model.weights]
    assert twin.optimizer.get_config() == model.optimizer.get_config()
    assert twin.get_compile_config() == model.get_compile_config()
    x, y = data()
    found = twin.evaluate(x, y, verbose=0, return_dict=True)
    assert found == model.evaluate(x, y, verbose=0, return_dict=True)
    assert list(found) == ["loss", "mae", "mse", "root"]


def test_without_compile_the_model_only_predicts(tmp_path):
    model = make()
    model.compile("adam", "mse")
    model.save(tmp_path / "m.fastmlp")
    twin = models.load_model(tmp_path / "m.fastmlp", compile=False)
    assert not twin.compiled
    x, _ = data()
    assert (twin.predict(x, verbose=0) == model.predict(x, verbose=0)).all()


def test_a_model_that_was_never_compiled_can_be_saved(tmp_path):
    model = make()
    model.save(tmp_path / "m.fastmlp")
    assert bits(models.load_model(tmp_path / "m.fastmlp")) == bits(model)


def test_the_safetensors_package_reads_the_weights(tmp_path):
    model = make()
    model.save(tmp_path / "m.fastmlp")
    found = safetensors.numpy.load_file(tmp_path / "m.fastmlp")
    assert (found["first/kernel"] == model.layers[0].kernel).all()
    assert sum(array.size for array in found.values()) == model.count_params()


def test_weights_go_by_the_order_of_layers_not_by_their_names(tmp_path):
    model = make()
    model.save_weights(tmp_path / "w.fastmlp")
    other = Sequential([Input((5,)), layers.Dense(8), layers.Dense(2, name="x")])
    other.load_weights(tmp_path / "w.fastmlp")
    assert bits(other) == bits(model)


def test_weights_that_do_not_fit_change_nothing_unless_they_may_be_skipped(tmp_path):
    model = make()
    model.save_weights(tmp_path / "w.fastmlp")
    other = Sequential([Input((5,)), layers.Dense(8), layers.Dense(3, name="head")])
    before = bits(other)
    with pytest.raises(ValueError, match=r"for layer 'head'.*skip_mismatch=True"):
        other.load_weights(tmp_path / "w.fastmlp")
    assert bits(other) == before
    with pytest.warns(UserWarning, match="layer 'head' is skipped"):
        other.load_weights(tmp_path / "w.fastmlp", skip_mismatch=True)
    assert bits(other) == [*bits(model)[:2], *before[2:]]
    deeper = Sequential([Input((5,)), layers.Dense(8), layers.Dense(2), layers.Dense(2)])
    with pytest.raises(ValueError, match=r"expected 3 layers with weights\. Received: 2"):
        deeper.load_weights(tmp_path / "w.fastmlp")


def test_the_state_of_another_optimizer_is_left_alone(tmp_path):
    model = make()
    model.compile("adam", "mse")
    fit(model)
    model.save_weights(tmp_path / "w.fastmlp")
    other = make()
    other.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="the state of the optimizer is left alone"):
        other.load_weights(tmp_path / "w.fastmlp")
    assert bits(other) == bits(model) and other.optimizer.iterations == 0


def test_weights_alone_make_no_model(tmp_path):
    make().save_weights(tmp_path / "w.fastmlp")
    with pytest.raises(ValueError, match="holds weights only"):
        models.load_model(tmp_path / "w.fastmlp")


def scaled(y_true, y_pred):
    return fastmlp.losses.mean_squared_error(y_true, y_pred)


class Twice(layers.Dense):
    """A layer of one's own."""


def test_classes_of_ones_own_are_looked_up_in_custom_objects_alone(tmp_path):
    model = Sequential([Input((5,)), Twice(2)])
    model.save(tmp_path / "m.fastmlp")
    with pytest.raises(ValueError, match=r"Unknown layer 'Twice'.*custom_objects"):
        models.load_model(tmp_path / "m.fastmlp")
    twin = models.load_model(tmp_path / "m.fastmlp", custom_objects={"Twice": Twice})
    assert type(twin.layers[0]) is Twice and bits(twin) == bits(model)


@pytest.mark.parametrize("path", ["m.pb", "m", "m.txt"])
def test_other_endings_are_refused_by_naming_ours(path, tmp_path):
    model = make()
    for call in (model.save, model.save_weights, model.load_weights, models.load_model):
        with pytest.raises(ValueError, match=r"ends in '.fastmlp', '.safetensors'"):
            call(tmp_path / path)
    assert not list(tmp_path.iterdir())


def test_what_is_no_path_is_refused():
    with pytest.raises(TypeError, match="expected a path"):
        make().save(3)
    with pytest.raises(FileNotFoundError):
        models.load_model("missing.fastmlp")


def test_a_model_that_is_not_built_is_saved_without_weights_and_warns(tmp_path):
    model = Sequential([layers.Dense(2)])
    model.compile("adam", "mse")
    with pytest.raises(ValueError, match="is not built"):
        model.save_weights(tmp_path / "m.fastmlp")
    with pytest.warns(UserWarning, match="is not built"):
        model.save(tmp_path / "m.fastmlp")
    twin = models.load_model(tmp_path / "m.fastmlp")
    assert not twin.built and type(twin.optimizer) is type(model.optimizer)
    assert twin.predict(np.ones((3, 4)), verbose=0).shape == (3, 2)


def test_load_weights_leaves_layers_alone_that_are_to_be_skipped(tmp_path):
    def made(units):
        first, last = layers.Dense(3), layers.Dense(units)
        return Sequential([Input((2,)), first, last])

    saved, same, other = made(1), made(1), made(4)
    saved.save_weights(tmp_path / "m.fastmlp", max_shard_size=1)
    for model in (same, other):
        before = model.layers[1].get_weights()
        model.load_weights(tmp_path / "m.fastmlp", objects_to_skip=[model.layers[1]])
        np.testing.assert_array_equal(model.layers[0].kernel, saved.layers[0].kernel)
        np.testing.assert_array_equal(model.layers[1].kernel, before[0])
    with pytest.raises(ValueError, match="skip_mismatch=True"):
        other.load_weights(tmp_path / "m.fastmlp", objects_to_skip=[other.layers[0]])


@pytest.mark.parametrize(("answer", "replaced"), [("y", True), ("n", False)])
def test_overwrite_false_asks_as_keras_does(answer, replaced, tmp_path, monkeypatch):
    path = tmp_path / "m.fastmlp"
    path.write_text("old")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        make().save(path, overwrite=False)
    answers = iter(["what", answer])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda question: next(answers))
    make().save(path, overwrite=False)
    assert (path.read_bytes() != b"old") is replaced


# Files that lie.


def tampered(path: Path, change: Any) -> None:
    """Writes the file anew, with a valid checksum, after a change to its texts."""
    arrays, texts = read(path)
    found = {
        k: json.loads(v) if k in ("model", "state", "compile") else v for k, v in texts.items()
    }
    change(found, arrays)
    told = {k: v if isinstance(v, str) else json.dumps(v) for k, v in found.items()}
    write(path, arrays, told)


def units(value: Any) -> Any:
    def change(texts: Any, arrays: Any) -> None:
        texts["model"]["config"]["layers"][1]["config"]["units"] = value

    return change


def put(*keys: Any) -> Any:
    *path, last, value = keys

    def change(texts: Any, arrays: Any) -> None:
        where = texts
        for key in path:
            where = where[key]
        where[last] = value

    return change


LIES = {
    "more units than the file has weights": units(10**9),
    "no units": units(-1),
    "units of another type": units("many"),
    "a class that is not known": put("model", "class_name", "os.system"),
    "a module to import": put("model", "class_name", "builtins.eval"),
    "a class that is no layer": put("model", "config", "layers", 1, "class_name", "Adam"),
    "a layer as the model": put("model", {"class_name": "Dense", "config": {"units": 3}}),
    "no class": put("model", {}),
    "a list for a model": put("model", []),
    "no layers": put("model", "config", {}),
    "arguments that are not known": put("model", "config", "layers", 2, "config", {"rat": 3}),
    "weights that are not there": put("state", "weights", ["first/kernel", "x"]),
    "weights that are no names": put("state", "weights", [[], {}]),
    "no weights": put("state", {}),
    "weights in another order": lambda texts, arrays: texts["state"]["weights"].reverse(),
    "an optimizer that is not known": put("compile", "optimizer", "class_name", "Adan"),
    "a loss that is a number": put("compile", "loss", 3),
    "compile settings that are not known": put("compile", "colour", "blue"),
    "a negative seed": put("state", "seeds", {"first": -1, "count": 0}),
    "a seed that is a text": put("state", "seeds", {"first": "1", "count": 0}),
    "a cursor without a seed": put("state", "cursor", {"seed": None, "epoch": 1, "position": 0}),
    "the state of weights that are not there": put("state", "optimizer", "trained", [99]),
    "the state of half of the weights": put("state", "optimizer", "trained", [0]),
    "another format": put("format", "fastmlp 99"),
    "a text that is no JSON": put("model", "{"),
    "a state that is a list": put("state", []),
}


@pytest.mark.parametrize("name", LIES)
def test_a_file_that_lies_is_refused(name, tmp_path):
    model = make()
    model.compile("adam", "mse")
    fit(model)
    path = tmp_path / "m.fastmlp"
    model.save(path)
    tampered(path, LIES[name])
    with pytest.raises(ValueError, match=r"m\.fastmlp"):
        models.load_model(path)


class Remembering(layers.Layer):
    """Saves something that is no weight."""

    def build(self, input_shape):
        self.scale = self.add_weight((input_shape[-1],), "ones", name="scale")
        self.note = np.zeros(2)

    def call(self, x):
        return x * self.scale

    def save_own_variables(self, store):
        super().save_own_variables(store)
        store["note"] = self.note

    def load_own_variables(self, store):
        self.note = np.array(store["note"])
        super().load_own_variables({"0": store["0"]})


@pytest.mark.parametrize("weights_alone", [False, True])
def test_what_a_layer_saves_of_its_own_is_loaded(tmp_path, weights_alone):
    model = Sequential([Input((3,)), Remembering(), layers.Dense(1)])
    model.layers[0].note[:] = 7, 8
    if weights_alone:
        model.save_weights(path := str(tmp_path / "m.safetensors"))
        twin = Sequential([Input((3,)), Remembering(), layers.Dense(1)])
        twin.load_weights(path)
    else:
        model.save(path := str(tmp_path / "m.fastmlp"))
        twin = fastmlp.models.load_model(path, custom_objects={"Remembering": Remembering})
    assert twin.layers[0].note.tolist() == [7, 8]
    assert all((a == b).all() for a, b in zip(twin.get_weights(), model.get_weights(), strict=True))


def snake(x):
    return x + ops.square(ops.sin(x))


def tenth(shape, dtype=None):
    return np.full(shape, 0.1, dtype)


def rows(w):
    return 1e-3 * ops.sum(ops.abs(w))


def within_one(w):
    return ops.clip(w, -1, 1)


class Halves(initializers.Initializer):
    """An initializer of one's own."""

    def __call__(self, shape, dtype=None, **kwargs):
        return np.full(shape, 0.5, dtype)


OWN = {f.__name__: f for f in (snake, tenth, rows, within_one, Halves)}


def own_model(activation=snake):
    own = layers.Dense(
        4, activation, kernel_initializer=tenth, bias_initializer=Halves(),
        kernel_regularizer=rows, kernel_constraint=within_one,
    )  # fmt: skip
    return Sequential([Input((3,)), own, layers.Dense(1)])


def test_functions_of_ones_own_are_named_in_files_and_configs(tmp_path):
    model = own_model()
    model.save(path := tmp_path / "m.fastmlp")
    with pytest.raises(ValueError, match=r"Unknown .* 'snake'.*custom_objects"):
        models.load_model(path)
    x = data()[0][:, :3]
    twin = models.load_model(path, custom_objects=OWN)
    assert (twin.predict(x, verbose=0) == model.predict(x, verbose=0)).all()
    read = models.model_from_json(model.to_json(), custom_objects=OWN)
    for again in (twin, read, models.clone_model(model)):
        own = again.layers[0]
        assert (own.activation, own.kernel_initializer) == (snake, tenth)
        assert (own.kernel_regularizer, own.kernel_constraint) == (rows, within_one)
        assert isinstance(own.bias_initializer, Halves)


def test_two_functions_of_one_name_are_not_mixed_up(tmp_path):
    def other():
        def snake(x):
            return x

        return snake

    model = own_model()
    model.add(layers.Dense(1, other()))
    with pytest.raises(ValueError, match=r"different names.*two 'snake'"):
        model.save(tmp_path / "m.fastmlp")
    with pytest.raises(ValueError, match=r"Cannot serialize.*write a function with def"):
        own_model(lambda x: x).save(tmp_path / "m.fastmlp")


@saving.register_keras_serializable("compiled")
class OwnCompile(models.Model):
    """Its `compile` takes other arguments, and it says so in files, or does not."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(1)

    def call(self, x):
        return self.dense(x)

    def compile(self, optimizer, main_loss, alpha=0.1):
        super().compile(optimizer=optimizer, loss=main_loss)
        self.alpha = alpha


@saving.register_keras_serializable("compiled")
class OwnCompileConfig(OwnCompile):
    def get_compile_config(self):
        return {"optimizer": self.optimizer, "main_loss": "mse", "alpha": self.alpha}

    def compile_from_config(self, config):
        self.compile(**saving.deserialize_keras_object(config))


@pytest.mark.parametrize("ending", ["fastmlp", "keras"])
def test_a_compile_of_ones_own(tmp_path, ending):
    x = np.ones((8, 2), "float32")
    for kind in (OwnCompile, OwnCompileConfig):
        model = kind()
        model.compile(optimizers.Adam(0.01), "mse", 0.7)
        model.fit(x, x[:, :1], verbose=0)
        model.save(tmp_path / f"m.{ending}")
        if kind is OwnCompile:
            with pytest.warns(UserWarning, match="OwnCompile is not compiled.*get_compile_config"):
                loaded = models.load_model(tmp_path / f"m.{ending}")
            assert not loaded.compiled
        else:
            loaded = models.load_model(tmp_path / f"m.{ending}")
            assert loaded.alpha == 0.7 and loaded.optimizer.iterations == 1
            histories = [m.fit(x, x[:, :1], verbose=0).history for m in (model, loaded)]
            assert histories[0] == histories[1]
        np.testing.assert_array_equal(loaded.predict(x, verbose=0).shape, (8, 1))


@saving.register_keras_serializable("built")
class OwnBuild(layers.Layer):
    """The guide's layer whose `build` takes more than a shape."""

    def build(self, input_shape, start):
        self.start = start
        self.w = self.add_weight(shape=(input_shape[-1], 3), initializer=start)

    def call(self, x):
        return fastmlp.ops.matmul(x, self.w)

    def get_build_config(self):
        return {"input_shape": (None, self.w.shape[0]), "start": self.start}

    def build_from_config(self, config):
        self.build(config["input_shape"], config["start"])


@pytest.mark.parametrize("ending", ["fastmlp", "keras"])
def test_a_layer_is_built_by_its_own_build_from_config(tmp_path, ending):
    layer = OwnBuild()
    layer.build((None, 4), "ones")
    x = Input((4,))
    model = models.Model(x, layer(x))
    model.save(tmp_path / f"m.{ending}")
    loaded = models.load_model(tmp_path / f"m.{ending}")
    assert loaded.layers[-1].start == "ones"
    ones = np.ones((2, 4), "float32")
    np.testing.assert_array_equal(loaded.predict(ones, verbose=0), np.full((2, 3), 4))


def test_a_model_is_saved_as_one_file(tmp_path):
    model = Sequential([Input((2,)), layers.Dense(1)])
    with pytest.raises(ValueError, match=r"expected one file\. Received: zipped=False"):
        model.save(tmp_path / "m.fastmlp", zipped=False)
    assert not any(tmp_path.iterdir())
    model.save(tmp_path / "m.fastmlp", zipped=True)
