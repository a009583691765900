"""Spellings of Keras 1 and 2, and misspelt names: the tables, and how each is understood.

An old spelling works and gives one `FutureWarning` that names today's; a misspelt name is an error
that asks "did you mean".
"""

from __future__ import annotations

import functools
import importlib
import inspect
import opcode
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from fastmlp.errors import closest, unknown_keywords, warn_old_spelling, warn_user

F = TypeVar("F", bound=Callable[..., Any])

_LOADERS = dict.fromkeys(
    ("workers", "use_multiprocessing", "max_queue_size", "max_q_size", "nb_worker", "pickle_safe")
)

_RECURRENT: dict[str, str | None] = {
    "output_dim": "units",
    "init": "kernel_initializer",
    "inner_init": "recurrent_initializer",
    "W_regularizer": "kernel_regularizer",
    "U_regularizer": "recurrent_regularizer",
    "b_regularizer": "bias_regularizer",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
    "consume_less": None,
}

# Arguments: class or method → old → today's; None: it has no effect any more.
ARGUMENTS: dict[str, dict[str, str | None]] = {
    "Dense": {
        "output_dim": "units",
        "init": "kernel_initializer",
        "W_regularizer": "kernel_regularizer",
        "b_regularizer": "bias_regularizer",
        "W_constraint": "kernel_constraint",
        "b_constraint": "bias_constraint",
        "bias": "use_bias",
    },
    "Dropout": {"p": "rate"},
    "InputLayer": {"input_shape": "shape"},
    "LeakyReLU": {"alpha": "negative_slope"},
    "GRU": {**_RECURRENT, "inner_activation": "recurrent_activation"},
    "LSTM": {**_RECURRENT, "inner_activation": "recurrent_activation"},
    "Embedding": {
        "init": "embeddings_initializer",
        "W_regularizer": "embeddings_regularizer",
        "W_constraint": "embeddings_constraint",
    },
    "Model": {"input": "inputs", "output": "outputs"},
    "SimpleRNN": _RECURRENT,
    "Optimizer": {"lr": "learning_rate", "decay": None},
    "ReduceLROnPlateau": {"epsilon": "min_delta"},
    "TensorBoard": dict.fromkeys(
        ("batch_size", "write_grads", "embeddings_layer_names", "embeddings_data")
    ),
    "compile": {"class_mode": None, "sample_weight_mode": None, "theano_mode": None},
    "fit": {"nb_epoch": "epochs", "show_accuracy": None, **_LOADERS},
    "evaluate": {"show_accuracy": None, **_LOADERS},
    "save": {"save_format": None},
    "save_weights": {"save_format": None},
    "predict": {**_LOADERS},
}

_STEPS = {"input_length": "an Input((length, features)) before the layer"}

# Arguments that are still understood, and what is written today.
KEPT = {
    "Layer": {
        "batch_input_shape": "an Input(batch_shape=…) before the layer",
        "weights": "layer.set_weights(…), once it is built",
    },
    "Embedding": {"input_length": "an Input((length,)) before the layer"},
    "GRU": _STEPS,
    "LSTM": _STEPS,
    "SimpleRNN": _STEPS,
}

# Methods of models: today's, and how the old one is done.
METHODS: dict[str, tuple[str, Callable[..., Any]]] = {}

# Attributes: old → today's.
ATTRIBUTES = {"W": "kernel", "b": "bias", "output_dim": "units"}

# Modules: old → today's.
MODULES = {
    "engine": "layers",
    "engine.base_layer": "layers",
    "engine.sequential": "models",
    "engine.topology": "layers",
    "engine.training": "models",
    "initializations": "initializers",
    "layers.advanced_activations": "layers",
    "layers.convolutional": "layers",
    "layers.core": "layers",
    "layers.cudnn_recurrent": "layers",
    "layers.embeddings": "layers",
    "layers.experimental": "layers",
    "layers.experimental.preprocessing": "layers",
    "layers.local": "layers",
    "layers.merge": "layers",
    "layers.wrappers": "layers",
    "objectives": "losses",
    "optimizers.legacy": "optimizers",
    "preprocessing.image": "preprocessing",
    "preprocessing.text": "preprocessing",
    "utils.data_utils": "utils",
    "utils.generic_utils": "utils",
    "utils.io_utils": "utils",
    "utils.layer_utils": "utils",
    "utils.np_utils": "utils",
    "utils.training_utils": "utils",
    "utils.vis_utils": "utils",
    "utils.visualize_util": "utils",
}

_FUNCTIONS = {
    "KLD": "kl_divergence",
    "MAE": "mean_absolute_error",
    "MAPE": "mean_absolute_percentage_error",
    "MSE": "mean_squared_error",
    "MSLE": "mean_squared_logarithmic_error",
    "kld": "kl_divergence",
    "kullback_leibler_divergence": "kl_divergence",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
}

# Modules that few programs need: imported when asked for.
LATE = ("wrappers", "wrappers.scikit_learn")

# Names in modules: module → old → today's.
NAMES = {
    "initializers": {"normal": "RandomNormal", "uniform": "RandomUniform"},
    "layers": {"CuDNNGRU": "GRU", "CuDNNLSTM": "LSTM"},
    "losses": {
        **_FUNCTIONS,
        "cosine_proximity": "cosine_similarity",
        "huber_loss": "huber",
        "logcosh": "log_cosh",
    },
    "metrics": _FUNCTIONS,
    "regularizers": {
        "WeightRegularizer": "L1L2",
        "l1l2": "l1_l2",
        "activity_l1": "l1",
        "activity_l2": "l2",
        "activity_l1l2": "l1_l2",
    },
}

_ROOT = __name__.partition(".")[0]


# Arguments.


def accepts_old(function: F, table: str | None = None) -> F:
    """Makes a function understand the arguments that `ARGUMENTS` has for it.

    Args:
        function: A method, or the `__init__` of a class.
        table: Key of `ARGUMENTS`; `None`: the method's name, or the class's for an `__init__`.
    """
    owner, _, name = function.__qualname__.rpartition(".")
    key = table or (owner.rpartition(".")[2] if name == "__init__" else name)
    renamed, kept = ARGUMENTS.get(key, {}), KEPT.get(key, {})
    old = renamed.keys() | kept.keys()
    parameters = list(inspect.signature(function).parameters.values())[1:]
    open_ended = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
    known = [p.name for p in parameters]

    @functools.wraps(function)
    def accepting(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not old.isdisjoint(kwargs):
            where = type(self).__name__ if name == "__init__" else name
            kwargs = _today(where, kwargs, renamed, kept)
        if not open_ended and not kwargs.keys() <= set(known):
            where = type(self).__name__ if name == "__init__" else name
            unknown = {key: value for key, value in kwargs.items() if key not in known}
            raise TypeError(str(unknown_keywords(where, unknown, known)))
        return function(self, *args, **kwargs)

    return accepting  # type: ignore[return-value]


def _today(
    where: str,
    given: Mapping[str, Any],
    renamed: Mapping[str, str | None],
    kept: Mapping[str, str],
) -> dict[str, Any]:
    """Keyword arguments in today's spelling."""
    found = {}
    for name, value in given.items():
        if name in kept:
            warn_old_spelling(f"{where}({name}=…)", kept[name])
        new = renamed.get(name, name)
        if new is None:
            if value:
                warn_user(f"{where}({name}=…) has no effect, as in Keras 3.", FutureWarning)
            continue
        if new != name:
            warn_old_spelling(f"{where}({name}=…)", f"{where}({new}=…)")
            if new in given:
                raise TypeError(f"{where}: expected {new} or {name}. Received both.")
        found[new] = value
    return found


def accepts_name_first(add_weight: F) -> F:
    """Makes `add_weight` understand TensorFlow's form, `add_weight("kernel", shape=…)`."""

    @functools.wraps(add_weight)
    def accepting(self: Any, *args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], str):
            name, *args = args  # type: ignore[assignment]
            warn_old_spelling(f"add_weight({name!r}, …)", f"add_weight(name={name!r}, …)")
            kwargs["name"] = name
        return add_weight(self, *args, **kwargs)

    return accepting  # type: ignore[return-value]


def warn_bare_metric(name: str, value: Any) -> None:
    """Warns of a metric that is not in a list; `compile` understands it all the same."""
    if isinstance(value, str):
        warn_old_spelling(f"compile({name}={value!r})", f"compile({name}=[{value!r}])")


# Attributes and methods of objects.


def missing(obj: Any, name: str) -> Any:
    """What an object's `__getattr__` returns or raises.

    Args:
        obj: A layer or model.
        name: An attribute that it does not have.

    Raises:
        AttributeError: No old spelling either; it asks for the nearest name.
    """
    kind = type(obj)
    if hasattr(kind, name):
        return object.__getattribute__(obj, name)  # a property, whose own error is to be seen
    new = ATTRIBUTES.get(name)
    if new is not None and (hasattr(kind, new) or new in vars(obj)):
        warn_old_spelling(f"{kind.__name__}.{name}", f"{kind.__name__}.{new}")
        return getattr(obj, new)
    if name in METHODS and hasattr(kind, "fit"):
        today, method = METHODS[name]
        return functools.partial(_call_old_method, obj, name, today, method)
    if "_variables" not in vars(obj) and not name.startswith("__"):
        raise AttributeError(
            f"{kind.__name__}: __init__ did not call super().__init__(). Hint: make it the first line"
        )
    raise MissingName(f"{kind.__name__!r} object", name, kind, list(vars(obj)))


class MissingName(AttributeError):
    """A name that is not there; what to say of it is looked for when somebody reads the message.

    Not before: `hasattr` asks for names that are missing, too, and so does the import of a module from
    its package, and they read nothing.

    Args:
        where: Whose name it is, for the message.
        missed: The name.
        kind: A class whose names are known; `None`: there is none.
        known: Further names.
        module: Of a module's name: the module's, within fastmlp.
    """

    def __init__(
        self,
        where: str,
        missed: str,
        kind: type | None,
        known: list[str],
        module: str | None = None,
    ) -> None:
        super().__init__(where, missed, kind, known, module)

    def __str__(self) -> str:
        where, missed, kind, known, module = self.args
        hint = _hint(module, missed, _public(dir(kind) if kind else (), known))
        return f"{where} has no attribute {missed!r}.{hint}"


def _hint(module: str | None, missed: str, known: list[str]) -> str:
    """The last sentence of a message, with a space before it."""
    if missed.startswith("_"):
        return ""
    if module is not None:
        from fastmlp import _gone  # when used: by mistakes alone

        gone = _gone.hint(module, missed)
        if not gone and module == "backend" and missed in sys.modules[f"{_ROOT}.ops"].__all__:
            gone = f"use fastmlp.ops.{missed}"
        if gone:
            return f" Hint: {gone}."
    near = closest(missed, known)
    return f" Did you mean {near!r}?" if near else ""


def _public(*names: Any) -> list[str]:
    return [name for several in names for name in several if not name.startswith("_")]


def _call_old_method(
    obj: Any, name: str, today: str, method: Callable[..., Any], *args: Any, **kwargs: Any
) -> Any:
    warn_old_spelling(f"model.{name}(…)", today)
    return method(obj, *args, **{k: v for k, v in kwargs.items() if k not in _LOADERS})


def _old_method(today: str) -> Callable[[F], F]:
    def register(method: F) -> F:
        METHODS[method.__name__] = today, method
        return method

    return register


@_old_method("model.predict(x)")
def predict_proba(model: Any, x: Any, batch_size: int | None = None, verbose: Any = 0) -> Any:
    """Outputs, that is probabilities."""
    return model.predict(x, batch_size, verbose=verbose)


@_old_method("model.predict(x).argmax(axis=-1), or (model.predict(x) > 0.5).astype('int32')")
def predict_classes(model: Any, x: Any, batch_size: int | None = None, verbose: Any = 0) -> Any:
    """Number of each sample's class: the largest output; of a single output whether it is > 0.5."""
    outputs = model.predict(x, batch_size, verbose=verbose)
    return outputs.argmax(axis=-1) if outputs.shape[-1] > 1 else (outputs > 0.5).astype("int32")


@_old_method("model.fit(generator, …)")
def fit_generator(
    model: Any,
    generator: Any,
    steps_per_epoch: int | None = None,
    epochs: int = 1,
    verbose: Any = 1,
    callbacks: Any = None,
    validation_data: Any = None,
    validation_steps: int | None = None,
    **kwargs: Any,
) -> Any:
    """Trains on batches from a generator."""
    samples = {"samples_per_epoch": "steps_per_epoch", "nb_val_samples": "validation_steps"}
    for old in samples.keys() & kwargs.keys():
        raise TypeError(
            f"fit_generator: expected numbers of batches. Received: {old}={kwargs[old]!r}. Hint: write "
            f"{samples[old]}=…, that is {old} divided by the size of a batch."
        )
    kwargs = _given(kwargs, steps_per_epoch=steps_per_epoch, validation_steps=validation_steps)
    if "nb_epoch" not in kwargs:
        kwargs["epochs"] = epochs
    more = {"verbose": verbose, "callbacks": callbacks, "validation_data": validation_data}
    return model.fit(generator, **more, **kwargs)


@_old_method("model.evaluate(generator, …)")
def evaluate_generator(
    model: Any, generator: Any, steps: int | None = None, callbacks: Any = None, verbose: Any = 0
) -> Any:
    """Loss and metrics on batches from a generator."""
    options = _given({}, steps=steps, callbacks=callbacks)
    return model.evaluate(generator, verbose=verbose, **options)


@_old_method("model.predict(generator, …)")
def predict_generator(
    model: Any, generator: Any, steps: int | None = None, callbacks: Any = None, verbose: Any = 0
) -> Any:
    """Outputs for batches from a generator."""
    options = _given({}, steps=steps, callbacks=callbacks)
    return model.predict(generator, verbose=verbose, **options)


def _given(known: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Keyword arguments, with those of `more` that are not None."""
    return {**known, **{name: value for name, value in more.items() if value is not None}}


# Modules.


def install() -> None:
    """Gives the modules imported so far their old and their nearest names; called once, at import."""
    for name, module in list(sys.modules.items()):
        top, _, inner = name.partition(".")
        if top == _ROOT and not inner.startswith("_") and inspect.ismodule(module):
            give_names(name)
    for old in MODULES:
        sys.modules.setdefault(f"{_ROOT}.{old}", _OldModule(old))


def give_names(name: str, own: Callable[[str], Any] | None = None) -> None:
    """Gives a module its old and its nearest names, unless it has them.

    Args:
        name: Its name.
        own: A `__getattr__` that is asked first.
    """
    module = sys.modules[name]
    if "__getattr__" not in vars(module):
        setattr(module, "__getattr__", functools.partial(_module_name, module, own))  # noqa: B010


class _OldModule(types.ModuleType):
    """A module of an earlier Keras: it warns once, then shows what is in today's."""

    def __init__(self, old: str) -> None:
        super().__init__(f"{_ROOT}.{old}", f"Today's name is {_ROOT}.{MODULES[old]}.")
        self._old = old
        self._told = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if f"{self._old}.{name}" in MODULES:
            return sys.modules[f"{_ROOT}.{self._old}.{name}"]
        today = f"{_ROOT}.{MODULES[self._old]}"
        found = getattr(importlib.import_module(today), name)
        if not self._told:
            self._told = True
            warn_old_spelling(self.__name__, today)
        return found

    def __call__(self, *_: Any, **__: Any) -> Any:
        """`merge([a, b], mode="concat")` of Keras 1 was a function."""
        raise TypeError(
            f"{self.__name__} is a module. Hint: layers.concatenate([a, b]), add, multiply, average, maximum and "
            "dot merge tensors"
        )


def _module_name(module: types.ModuleType, own: Callable[[str], Any] | None, name: str) -> Any:
    """What a module's `__getattr__` returns or raises."""
    if own is not None and not name.startswith("__"):  # of which `inspect` asks for many
        try:
            return own(name)
        except AttributeError:
            pass
    inner = module.__name__.removeprefix(_ROOT).removeprefix(".")
    path = f"{inner}.{name}".removeprefix(".")
    if path in LATE:
        late = importlib.import_module(f"{_ROOT}.{path}")
        give_names(late.__name__)
        return late
    if path in MODULES:
        return sys.modules[f"{_ROOT}.{path}"]
    return _of_module(module, name)


def _of_module(module: types.ModuleType, name: str) -> Any:
    inner = module.__name__.removeprefix(_ROOT).removeprefix(".")
    new = NAMES.get(inner, {}).get(name)
    if new is not None:
        warn_old_spelling(f"{inner}.{name}", f"{inner}.{new}")
        return getattr(module, new)
    parent = inner.rpartition(".")[0]
    around = sys.modules[f"{_ROOT}.{parent}"] if parent else None
    if name in getattr(around, "__all__", ()):  # Keras had it in another file of the package
        warn_old_spelling(f"{_ROOT}.{inner}.{name}", f"{_ROOT}.{parent}.{name}")
        return getattr(around, name)
    if not _imported_by_name():
        raise MissingName(f"module {module.__name__!r}", name, None, dir(module), inner)
    hint = _hint(inner, name, _public(dir(module)))
    if hint:  # `from … import` would hide the hint of an AttributeError
        raise ImportError(f"cannot import name {name!r} from {module.__name__!r}.{hint}")
    raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}.")


def _imported_by_name() -> bool:
    """Whether a `from … import` is what asks."""
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    return frame.f_code.co_code[frame.f_lasti] == opcode.opmap["IMPORT_FROM"]
