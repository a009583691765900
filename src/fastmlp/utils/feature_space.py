"""FeatureSpace: from columns of numbers and strings to vectors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

import numpy as np

from fastmlp import layers
from fastmlp.errors import bad_argument, check_choice, closest
from fastmlp.graph import Tensor
from fastmlp.layers import lookup
from fastmlp.models.model import Model
from fastmlp.models.network import Network
from fastmlp.utils import features as kinds
from fastmlp.utils.features import Cross, Feature


class FeatureSpace(Model):
    """Makes vectors of structured data: of columns of numbers, categories and strings.

    Columns go in as a dict of arrays or lists, or as a pandas frame. `adapt` finds what layers need to
    know of them: means, vocabularies, boundaries. Then the space is called on data; or its
    `get_inputs` and `get_encoded_features` begin a model, which takes the columns themselves.

    A feature is given by a name, or made by the function of that name, with its arguments:
    `float()`, `float_rescaled(scale=1.0, offset=0.0)`, `float_normalized()`,
    `float_discretized(num_bins, bin_boundaries=None)`,
    `integer_categorical(max_tokens=None, num_oov_indices=1)`, `string_categorical(…)` with the same,
    `integer_hashed(num_bins)`, `string_hashed(num_bins)`. Those from `float_discretized` on take
    `output_mode`: `'one_hot'` or `'int'`. `feature(dtype, preprocessor, output_mode)` takes any layer.

    Args:
        features: Types of the columns by their names.
        output_mode: `'concat'`: one vector for a sample, the features in the order of their names,
            crosses last. `'dict'`: a dict of them.
        crosses: Lists of names of features that are looked at together, or what `cross` makes.
        crossing_dim: Bins that the combinations of a cross are hashed into.
        hashing_dim: Bins of `'integer_hashed'` and `'string_hashed'`.
        num_discretization_bins: Bins of `'float_discretized'`.
        name: Name.

    Raises:
        ValueError: There are no features; a type or an argument is not as described; a cross names a
            feature that is not there, or one that is no category.

    Example:

    >>> data = {"size": [1.0, 2.0, 3.0], "city": ["rome", "oslo", "rome"]}
    >>> space = FeatureSpace({"size": "float_normalized", "city": "string_categorical"})
    >>> space.adapt(data)
    >>> space({"size": [2.0], "city": ["oslo"]})
    array([[0., 0., 1., 0.]], dtype=float32)
    >>> model = Model(space.get_inputs(), layers.Dense(1)(space.get_encoded_features()))
    >>> model.predict(data, verbose=0).shape
    (3, 1)
    """

    float = staticmethod(kinds.number)
    float_rescaled = staticmethod(kinds.rescaled)
    float_normalized = staticmethod(kinds.normalized)
    float_discretized = staticmethod(kinds.discretized)
    integer_categorical = staticmethod(kinds.integer_categorical)
    string_categorical = staticmethod(kinds.string_categorical)
    integer_hashed = staticmethod(kinds.integer_hashed)
    string_hashed = staticmethod(kinds.string_hashed)
    cross: ClassVar[type[Cross]] = Cross
    feature: ClassVar[type[Feature]] = Feature

    def __init__(
        self,
        features: Mapping[str, Any],
        output_mode: str = "concat",
        crosses: Iterable[Any] | None = None,
        crossing_dim: int = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        where = self._where()
        if not isinstance(features, Mapping) or not features:
            raise bad_argument(where, "a dict {name: type}, not empty", "features", features)
        self.output_mode = check_choice(where, "output_mode", output_mode, ("concat", "dict"))
        self.crossing_dim, self.hashing_dim = crossing_dim, hashing_dim
        self.num_discretization_bins = num_discretization_bins
        self.features = {str(key): self._feature(str(key), one) for key, one in features.items()}
        self.preprocessors: dict[str, Any] = {
            key: one.preprocessor for key, one in self.features.items()
        }
        self.crosses = [self._cross(one) for one in crosses or ()]
        self.crossers = {
            one.name: layers.HashedCrossing(one.crossing_dim, name=one.name) for one in self.crosses
        }
        self._columns = {
            key: layers.Input((1,), dtype=one.dtype, name=key) for key, one in self.features.items()
        }
        self._is_adapted = not self._adaptable()

    def _where(self) -> str:
        return f"FeatureSpace '{self.name}'"

    def _feature(self, name: str, given: Any) -> Feature:
        if isinstance(given, Feature):
            return given
        if isinstance(given, Mapping):
            found: Feature = kinds.from_config(given)
            return found
        return kinds.named(name, given, self.num_discretization_bins, self.hashing_dim)

    def _cross(self, given: Any) -> Cross:
        if isinstance(given, Mapping):
            given = kinds.from_config(given)
        cross = given if isinstance(given, Cross) else Cross(given, self.crossing_dim)
        for name in cross.feature_names:
            if name not in self.features:
                near = closest(name, self.features)
                hint = f" Did you mean {near!r}?" if near else ""
                raise ValueError(
                    f"{self._where()}: crosses: unknown feature {name!r}.{hint} "
                    f"Features: {', '.join(self.features)}."
                )
            if not kinds.gives_integers(self.preprocessors[name]):
                raise ValueError(
                    f"{self._where()}: crosses: expected categories. Received: {name!r}, of numbers. "
                    "Hint: make it 'float_discretized'"
                )
        return cross

    # Adapting.

    def _adaptable(self) -> list[str]:
        """Names of the features that need to see data."""
        found = []
        for name, layer in self.preprocessors.items():
            if isinstance(layer, layers.Normalization):
                wanted = layer.input_mean is None
            elif isinstance(layer, layers.Discretization):
                wanted = layer.num_bins is not None
            elif isinstance(layer, (layers.IntegerLookup, layers.StringLookup)):
                wanted = not layer._has_input_vocabulary
            else:
                wanted = hasattr(type(layer), "adapt")
            if wanted:
                found.append(name)
        return found

    def adapt(self, dataset: Any, steps: int | None = None) -> None:
        """Finds means, vocabularies and boundaries.

        Args:
            dataset: A dict of arrays or lists, or a frame; or an iterable of such (a generator, a
                `PyDataset`), which may come with targets: `(x, y)`. Batches are read once.
            steps: Batches that are read; `None`: all.

        Raises:
            ValueError: A column is missing, or has not one value for each sample.
            TypeError: A column holds something else than its feature.
        """
        names = self._adaptable()
        for name in names:
            self.preprocessors[name].reset_state()
        for number, batch in enumerate(self._batches(dataset)):
            if number == steps:
                break
            columns = self._taken(batch, names)
            for name in names:
                self.preprocessors[name].update_state(columns[name])
        for name in names:
            self.preprocessors[name].finalize_state()
        self._is_adapted = True
        self._finish()

    def _batches(self, dataset: Any) -> Iterable[Any]:
        if isinstance(dataset, Mapping) or hasattr(dataset, "iloc"):
            return [dataset]
        if isinstance(dataset, (str, bytes)) or not hasattr(dataset, "__iter__"):
            raise bad_argument(
                self._where(), "a dict of columns, a frame or batches of such", "dataset", dataset
            )
        return (batch[0] if isinstance(batch, tuple) else batch for batch in dataset)

    def _taken(self, data: Any, names: Iterable[str]) -> dict[str, np.ndarray]:
        """The columns of these names, each `(samples, 1)`."""
        if not isinstance(data, Mapping) and not hasattr(data, "iloc"):
            raise TypeError(
                f"{self._where()}: expected a dict of columns or a frame. "
                f"Received: a {type(data).__name__}"
            )
        columns = {}
        for name in names:
            if name not in data:
                near = closest(name, map(str, data))
                hint = f" Hint: is it {near!r}?" if near else ""
                raise ValueError(
                    f"{self._where()}: column {name!r} is missing. Received: {list(data)}.{hint}"
                )
            array = np.asarray(data[name])
            array = array.reshape(-1, 1) if array.ndim < 2 else array
            if array.shape[1:] != (1,):
                raise ValueError(
                    f"{self._where()}: expected one value of '{name}' for each sample. "
                    f"Received: shape={array.shape}"
                )
            columns[name] = array
        lengths = {name: len(array) for name, array in columns.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(
                f"{self._where()}: expected columns of one length. Received: {lengths}"
            )
        return columns

    # The graph.

    def build(self, input_shape: Any = None) -> None:
        """Makes the graph; its shapes are known from the features."""
        self._finish()

    def _ensure_built(self, row_shapes: Any) -> list[Any]:
        self._check_adapted()
        self._finish()
        return []

    def _check_adapted(self) -> None:
        if not self._is_adapted:
            raise ValueError(
                f"{self._where()}: expected to have seen data. Hint: call adapt(data) first"
            )

    def _finish(self) -> None:
        if self._network is None:
            encoded = self._encoded(self._columns)
            self._set_network(Network(self._where(), self._columns, encoded))
            self._is_adapted = True

    def _encoded(self, columns: Mapping[str, Tensor]) -> Any:
        found = {name: self.preprocessors[name](columns[name]) for name in self.features}
        crossed = {
            one.name: self.crossers[one.name]([found[name] for name in one.feature_names])
            for one in self.crosses
        }
        specs: dict[str, Any] = {**self.features, **{one.name: one for one in self.crosses}}
        makers: dict[str, Any] = {**self.preprocessors, **self.crossers}
        encoded = {}
        for name in [*sorted(found), *sorted(crossed)]:
            tensor = found[name] if name in found else crossed[name]
            encoded[name] = self._vector(name, tensor, specs[name].output_mode, makers[name])
        if self.output_mode == "dict":
            return encoded
        parts = list(encoded.values())
        return layers.Concatenate(axis=-1)(parts) if len(parts) > 1 else parts[0]

    def _vector(self, name: str, tensor: Tensor, mode: str, maker: Any) -> Tensor:
        """What a feature contributes."""
        integers = kinds.gives_integers(maker)
        if mode == "one_hot":
            if not integers:
                raise ValueError(
                    f"{self._where()}: feature '{name}' has output_mode='one_hot', but "
                    f"{type(maker).__name__} '{maker.name}' gives no whole numbers of a known range. "
                    "Hint: output_mode='float' uses what it gives as it is"
                )
            encoder = layers.CategoryEncoding(kinds.cardinality(maker), name=f"{name}_one_hot")
            vector: Tensor = encoder(tensor)
            return vector
        if integers and self.output_mode == "concat":
            raise ValueError(
                f"{self._where()}: feature '{name}' gives whole numbers, which are not put beside "
                "others. Hint: output_mode='one_hot' for the feature, or 'dict' for the space"
            )
        return tensor

    def get_inputs(self) -> dict[str, Tensor]:
        """The symbolic tensors of the columns by their names: what a model starts from."""
        self._ensure_built(None)
        return dict(self._columns)

    def get_encoded_features(self) -> Any:
        """The symbolic vector of a sample, or the dict of its features."""
        self._ensure_built(None)
        return self._output_structure

    # Calls.

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The vectors of some samples, or of one.

        Args:
            *args: A dict of columns, or a frame: arrays or lists `(samples,)` or `(samples, 1)`; or
                single values; or symbolic tensors. Further columns are left alone.
            **kwargs: As of any layer.

        Returns:
            An array `(samples, numbers)`, or a dict of such; of single values without the first axis.

        Raises:
            ValueError: There was no `adapt`, or a column is missing.
        """
        self._ensure_built(None)
        data = args[0] if len(args) == 1 else None
        if isinstance(data, Mapping) and any(isinstance(x, Tensor) for x in data.values()):
            return super().__call__(*args, **kwargs)
        columns = self._taken(data, self.features)
        y = super().__call__(columns, **kwargs)
        assert data is not None
        single = all(np.ndim(data[name]) == 0 for name in self.features)
        if self.output_mode == "concat":
            return y[0] if single else y
        return {name: self._typed(name, x[0] if single else x) for name, x in y.items()}

    def _typed(self, name: str, array: np.ndarray) -> np.ndarray:
        """Whole numbers as integers."""
        spec = self.features.get(name) or next(one for one in self.crosses if one.name == name)
        return array.astype(np.int64) if spec.output_mode == "int" else array

    # Configs.

    def get_config(self) -> dict[str, Any]:
        """The features with the configs of their layers, vocabularies and boundaries included."""
        return {
            "features": {name: kinds.to_config(one) for name, one in self.features.items()},
            "output_mode": self.output_mode,
            "crosses": [kinds.to_config(one) for one in self.crosses],
            "crossing_dim": self.crossing_dim,
            "hashing_dim": self.hashing_dim,
            "num_discretization_bins": self.num_discretization_bins,
            "name": self.name,
        }

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Self:
        """Makes a space from what `get_config` returned; means and variances are weights."""
        return cls(**config)


lookup.registry.register(FeatureSpace)
