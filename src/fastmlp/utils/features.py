"""Features and crosses: what a FeatureSpace is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from fastmlp import _names, layers
from fastmlp.errors import bad_argument, check_choice, check_int, unknown_name
from fastmlp.layers import lookup
from fastmlp.registry import Configurable


class Feature(Configurable):
    """One column of the data, and the layer that makes numbers of it.

    Args:
        dtype: `'float32'`, `'int32'`, `'int64'` or `'string'`: what the column holds.
        preprocessor: The layer.
        output_mode: `'float'`: what the layer gives is used as it is. `'int'`: it gives whole numbers,
            which are used as they are. `'one_hot'`: it gives whole numbers, which become vectors.
    """

    config_names: ClassVar[tuple[str, ...]] = ("dtype", "preprocessor", "output_mode")

    def __init__(self, dtype: str, preprocessor: Any, output_mode: str) -> None:
        self.dtype = dtype
        self.output_mode = check_choice(
            "Feature", "output_mode", output_mode, ("int", "one_hot", "float")
        )
        if isinstance(preprocessor, Mapping):
            preprocessor = lookup.deserialize(preprocessor)
        if not isinstance(preprocessor, layers.Layer):
            raise bad_argument("Feature", "a layer", "preprocessor", preprocessor)
        self.preprocessor = preprocessor

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "preprocessor": lookup.serialize(self.preprocessor)}


class Cross(Configurable):
    """Features that are looked at together: their combinations, hashed.

    Args:
        feature_names: Names of two features or more.
        crossing_dim: Number of bins that combinations are hashed into.
        output_mode: `'one_hot'` or `'int'`.
    """

    config_names: ClassVar[tuple[str, ...]] = ("feature_names", "crossing_dim", "output_mode")

    def __init__(
        self, feature_names: Iterable[str], crossing_dim: int, output_mode: str = "one_hot"
    ) -> None:
        if isinstance(feature_names, str) or len(tuple(feature_names)) < 2:
            raise bad_argument("Cross", "at least two names", "feature_names", feature_names)
        self.feature_names = tuple(feature_names)
        self.crossing_dim = check_int("Cross", "crossing_dim", crossing_dim, 1)
        self.output_mode = check_choice("Cross", "output_mode", output_mode, ("int", "one_hot"))

    @property
    def name(self) -> str:
        """The features' names, with `_X_` between them."""
        return "_X_".join(self.feature_names)


def from_config(config: Mapping[str, Any]) -> Any:
    """A feature or cross, from `{"class_name": …, "config": …}`."""
    kinds: dict[Any, Callable[..., Any]] = {"Feature": Feature, "Cross": Cross}
    kind = config.get("class_name")
    if kind not in kinds:
        raise unknown_name("kind of feature", kind, kinds)
    return kinds[kind](**config["config"])


def to_config(feature: Feature | Cross) -> dict[str, Any]:
    """The config that `from_config` takes."""
    return {"class_name": type(feature).__name__, "config": feature.get_config()}


def _preprocessor(kind: Callable[..., Any], name: str | None, what: str, **arguments: Any) -> Any:
    return kind(name=f"{name or _names.unique_name(what)}_preprocessor", **arguments)


def number(name: str | None = None) -> Feature:
    """Numbers as they are."""
    return Feature("float32", _preprocessor(layers.Identity, name, "float"), "float")


def rescaled(scale: float = 1.0, offset: float = 0.0, name: str | None = None) -> Feature:
    """Numbers times `scale`, plus `offset`."""
    layer = _preprocessor(layers.Rescaling, name, "float_rescaled", scale=scale, offset=offset)
    return Feature("float32", layer, "float")


def normalized(name: str | None = None) -> Feature:
    """Numbers of mean 0 and variance 1, as `adapt` finds them."""
    layer = _preprocessor(layers.Normalization, name, "float_normalized", axis=-1)
    return Feature("float32", layer, "float")


def discretized(
    num_bins: int | None = None,
    bin_boundaries: Any = None,
    output_mode: str = "one_hot",
    name: str | None = None,
) -> Feature:
    """The bin of each number: of `num_bins` that `adapt` finds, or between given boundaries.

    Args:
        num_bins: Number of bins, or
        bin_boundaries: the numbers between them, ascending.
        output_mode: `'one_hot'`, or `'int'` for the bin's number.
        name: Name of the feature.
    """
    layer = _preprocessor(
        layers.Discretization,
        name,
        "float_discretized",
        num_bins=num_bins,
        bin_boundaries=bin_boundaries,
    )
    return Feature("float32", layer, output_mode)


def _categorical(kind: Any, dtype: str, what: str) -> Callable[..., Feature]:
    def categorical(
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Categories by their places in a vocabulary that `adapt` finds.

        Args:
            max_tokens: Size of the vocabulary, places for unknown ones included; `None`: no limit.
            num_oov_indices: Number of places for unknown categories, which their hashes tell apart.
            output_mode: `'one_hot'`, or `'int'` for the place.
            name: Name of the feature.
        """
        layer = _preprocessor(
            kind, name, what, max_tokens=max_tokens, num_oov_indices=num_oov_indices
        )
        return Feature(dtype, layer, output_mode)

    return categorical


def _hashed(dtype: str, what: str) -> Callable[..., Feature]:
    def hashed(num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """Categories by their hashes.

        Args:
            num_bins: Number of places that hashes fall on.
            output_mode: `'one_hot'`, or `'int'` for the place.
            name: Name of the feature.
        """
        layer = _preprocessor(layers.Hashing, name, what, num_bins=num_bins)
        return Feature(dtype, layer, output_mode)

    return hashed


integer_categorical = _categorical(layers.IntegerLookup, "int32", "integer_categorical")
string_categorical = _categorical(layers.StringLookup, "string", "string_categorical")
integer_hashed = _hashed("int32", "integer_hashed")
string_hashed = _hashed("string", "string_hashed")

MAKERS: dict[str, Callable[..., Feature]] = {
    "float": number,
    "float_discretized": discretized,
    "float_normalized": normalized,
    "float_rescaled": rescaled,
    "integer_categorical": integer_categorical,
    "integer_hashed": integer_hashed,
    "string_categorical": string_categorical,
    "string_hashed": string_hashed,
}


def named(name: str, kind: str, bins: int, hashing_dim: int) -> Feature:
    """The feature of a name like `'float_normalized'`."""
    if kind not in MAKERS:
        raise unknown_name(f"type of feature '{name}'", kind, MAKERS)
    arguments: dict[str, Any] = {}
    if kind == "float_discretized":
        arguments["num_bins"] = bins
    elif kind.endswith("hashed"):
        arguments["num_bins"] = hashing_dim
    return MAKERS[kind](name=name, **arguments)


def gives_integers(layer: Any) -> bool:
    """Whether a layer gives whole numbers, of which it knows how many there are."""
    kinds = (
        layers.IntegerLookup, layers.StringLookup, layers.Hashing, layers.HashedCrossing,
        layers.Discretization,
    )  # fmt: skip
    return isinstance(layer, kinds) and layer.output_mode == "int"


def cardinality(layer: Any) -> int:
    """How many whole numbers a layer gives."""
    if isinstance(layer, layers.Discretization) and layer.num_bins is not None:
        return layer.num_bins  # `adapt` may have found fewer
    return int(layer.depth)
