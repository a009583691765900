"""Initializers: names, configs, statistics, seeds, bad arguments; configs as Keras writes them."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np
import pytest

from fastmlp import config, initializers, utils
from fastmlp.initializers import base
from fastmlp.random import SeedGenerator

CLASSES = [
    initializers.Zeros,
    initializers.Ones,
    initializers.Constant,
    initializers.Identity,
    initializers.RandomNormal,
    initializers.RandomUniform,
    initializers.TruncatedNormal,
    initializers.Orthogonal,
    initializers.VarianceScaling,
    initializers.GlorotNormal,
    initializers.GlorotUniform,
    initializers.HeNormal,
    initializers.HeUniform,
    initializers.LecunNormal,
    initializers.LecunUniform,
]
RANDOM = [cls for cls in CLASSES if issubclass(cls, initializers.RandomInitializer)]
SHAPE = (300, 200)


def test_the_list_above_is_complete() -> None:
    found = {base.registry.find(name) for name in base.registry.names()}
    assert found == set(CLASSES)


@pytest.mark.parametrize("cls", CLASSES)
def test_class_name_snake_name_class_instance_and_config_mean_the_same(cls: type) -> None:
    snake = base.registry.names()
    spelled = [cls.__name__, next(n for n in snake if base.registry.find(n) is cls)]
    identifiers = [*spelled, cls, cls(), initializers.serialize(cls())]
    assert [type(initializers.get(identifier)) for identifier in identifiers] == [cls] * 5
    assert getattr(initializers, spelled[1]) is cls


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("zero", "Zeros"),
        ("one", "Ones"),
        ("normal", "RandomNormal"),
        ("uniform", "RandomUniform"),
        ("IdentityInitializer", "Identity"),
        ("OrthogonalInitializer", "Orthogonal"),
    ],
)
def test_kerass_aliases(alias: str, name: str) -> None:
    assert type(initializers.get(alias)).__name__ == name


def test_constant_by_name_alone_is_zero() -> None:
    assert not initializers.get("constant")((3,)).any()
    assert not initializers.get({"class_name": "Constant", "config": {}})((3,)).any()


def test_none_stays_none() -> None:
    assert initializers.get(None) is None


def test_a_function_is_taken_as_it_is() -> None:
    def halves(shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        return np.full(shape, 0.5, dtype)

    assert initializers.get(halves) is halves


def test_an_array_gives_its_values_and_its_shape_only() -> None:
    given = np.arange(6).reshape(2, 3)
    initializer = initializers.get(given)
    value = initializer((2, 3), "float32")
    assert value.dtype == np.float32
    np.testing.assert_array_equal(value, given)
    value[...] = 0
    np.testing.assert_array_equal(initializer((2, 3)), given)
    again = initializers.deserialize(initializers.serialize(initializer))
    np.testing.assert_array_equal(again((2, 3)), given)
    with pytest.raises(ValueError, match=r"shape \(2, 3\)\. Received: shape=\(3, 2\)"):
        initializer((3, 2))


def test_an_array_of_strings_is_refused() -> None:
    with pytest.raises(ValueError, match="expected an array of numbers"):
        initializers.get(np.array(["a"]))


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shape_and_dtype_are_those_asked_for(cls: type, dtype: str) -> None:
    for shape in [(3, 4), (4, 3), (1, 1), (5, 0)]:
        value = cls()(shape, dtype)
        assert value.shape == shape
        assert value.dtype == dtype
        assert value.flags.c_contiguous
        assert value.flags.writeable


def test_the_default_dtype_is_floatx(monkeypatch: pytest.MonkeyPatch) -> None:
    assert initializers.Zeros()((2,)).dtype == np.float32
    monkeypatch.setitem(config._settings, "floatx", "float64")
    assert initializers.Zeros()((2,)).dtype == np.float64
    assert initializers.HeNormal()((2, 2)).dtype == np.float64


@pytest.mark.parametrize("cls", CLASSES)
def test_the_config_makes_an_equal_initializer(cls: type) -> None:
    initializer = cls(seed=3) if cls in RANDOM else cls()
    again = cls.from_config(initializer.get_config())
    assert again.get_config() == initializer.get_config()
    np.testing.assert_array_equal(again((4, 4)), initializer((4, 4)))


@pytest.mark.parametrize("cls", RANDOM)
def test_an_instance_returns_the_same_values_every_time(cls: type) -> None:
    for initializer in (cls(seed=3), cls()):
        np.testing.assert_array_equal(initializer((5, 4)), initializer((5, 4)))


@pytest.mark.parametrize("cls", RANDOM)
def test_float32_and_float64_values_of_one_seed_agree(cls: type) -> None:
    single, double = (cls(seed=3)((5, 4), dtype) for dtype in ("float32", "float64"))
    np.testing.assert_array_equal(single, double.astype(np.float32))


@pytest.mark.parametrize("cls", RANDOM)
def test_unseeded_instances_differ_and_repeat_after_set_random_seed(cls: type) -> None:
    def draw() -> list[np.ndarray]:
        return [cls()((5, 4)), cls()((5, 4))]

    utils.set_random_seed(1)
    first = draw()
    utils.set_random_seed(1)
    second = draw()
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(*first)


def test_a_clone_without_a_seed_draws_other_values_and_with_one_the_same() -> None:
    for seed, same in ((None, False), (4, True)):
        initializer = initializers.GlorotUniform(seed=seed)
        assert np.array_equal(initializer((3, 3)), initializer.clone()((3, 3))) is same


# Of n values the mean strays by sd / sqrt(n), the deviation by about sd / sqrt(2 n): 5 of each.
def _check_moments(x: np.ndarray, mean: float, stddev: float) -> None:
    assert abs(x.mean() - mean) < 5 * stddev / math.sqrt(x.size)
    assert abs(x.std() - stddev) < 5 * stddev / math.sqrt(x.size)


FAN_IN, FAN_OUT = SHAPE
VARIANCES = {
    "GlorotNormal": 2 / (FAN_IN + FAN_OUT),
    "GlorotUniform": 2 / (FAN_IN + FAN_OUT),
    "HeNormal": 2 / FAN_IN,
    "HeUniform": 2 / FAN_IN,
    "LecunNormal": 1 / FAN_IN,
    "LecunUniform": 1 / FAN_IN,
    "VarianceScaling": 1 / FAN_IN,
    "RandomNormal": 0.05**2,
    "RandomUniform": 0.1**2 / 12,
    "TruncatedNormal": (0.87962566103423978 * 0.05) ** 2,
}


@pytest.mark.parametrize("name", VARIANCES)
def test_mean_and_variance_are_those_of_the_formula(name: str) -> None:
    x = getattr(initializers, name)(seed=0)(SHAPE, "float64")
    _check_moments(x, 0, math.sqrt(VARIANCES[name]))
    limit = math.sqrt(VARIANCES[name])
    if "Uniform" in name:
        assert math.sqrt(3) * limit * 0.999 < np.abs(x).max() <= math.sqrt(3) * limit
        quarters, _ = np.histogram(x, 4)
        assert np.abs(quarters / x.size - 0.25).max() < 5 * math.sqrt(0.25 * 0.75 / x.size)
    elif name != "RandomNormal":
        cut = 2 * limit / 0.87962566103423978
        assert 0.99 * cut < np.abs(x).max() <= cut * (1 + 1e-12)


@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
@pytest.mark.parametrize("distribution", ["uniform", "normal", "Untruncated_Normal"])
def test_variance_scaling_has_variance_scale_over_fan(mode: str, distribution: str) -> None:
    fan = {"fan_in": FAN_IN, "fan_out": FAN_OUT, "fan_avg": (FAN_IN + FAN_OUT) / 2}[mode]
    x = initializers.VarianceScaling(3.0, mode, distribution, seed=1)(SHAPE, "float64")
    _check_moments(x, 0, math.sqrt(3 / fan))


def test_means_and_bounds_are_those_asked_for() -> None:
    _check_moments(initializers.RandomNormal(2, 0.5, seed=0)(SHAPE, "float64"), 2, 0.5)
    x = initializers.TruncatedNormal(2, 0.5, seed=0)(SHAPE, "float64")
    _check_moments(x, 2, 0.5 * 0.87962566103423978)
    assert 1 <= x.min() < x.max() <= 3
    x = initializers.RandomUniform(2, 3, seed=0)(SHAPE, "float64")
    _check_moments(x, 2.5, math.sqrt(1 / 12))
    assert 2 <= x.min() < x.max() < 3


@pytest.mark.parametrize("shape", [(4, 4), (7, 3), (3, 7), (2, 3, 4), (1, 5)])
def test_orthogonal_has_orthonormal_columns_or_rows(shape: tuple[int, ...]) -> None:
    q = initializers.Orthogonal(gain=3, seed=0)(shape, "float64").reshape(-1, shape[-1]) / 3
    gram = q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-14)


def test_orthogonal_matrices_have_no_preferred_direction() -> None:
    # For the uniform distribution each element has mean 0 and variance 1/n.
    x = np.array([initializers.Orthogonal(seed=s)((3, 3), "float64") for s in range(2000)])
    assert np.abs(x.mean(axis=0)).max() < 5 / math.sqrt(3 * 2000)
    np.testing.assert_allclose((x**2).mean(axis=0), 1 / 3, atol=0.04)


def test_identity_of_other_shapes_is_cut() -> None:
    np.testing.assert_array_equal(initializers.Identity(2)((2, 3)), [[2, 0, 0], [0, 2, 0]])


@pytest.mark.parametrize(
    ("shape", "fans"),
    [((), (1, 1)), ((5,), (5, 5)), ((3, 4), (3, 4)), ((2, 3, 4), (6, 8)), ((5, 2, 3, 4), (30, 40))],
)
def test_fans(shape: tuple[int, ...], fans: tuple[int, int]) -> None:
    assert base.compute_fans(shape) == fans


def test_fans_of_given_axes() -> None:
    assert base.compute_fans((2, 3, 4), input_axes=[0], output_axes=[1, 2]) == (2, 12)
    x = initializers.HeUniform(seed=0, input_axes=[1], output_axes=[0])((100, 6), "float64")
    assert 0.99 < np.abs(x).max() <= 1


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: initializers.RandomNormal(stddev=-1), r"RandomNormal: expected stddev >= 0\. Rec"),
        (lambda: initializers.RandomNormal(mean=math.nan), "expected mean to be a finite number"),
        (lambda: initializers.TruncatedNormal(stddev="a"), "TruncatedNormal: expected stddev >= 0"),
        (lambda: initializers.RandomUniform(1, 0), "RandomUniform: expected maxval >= 1.*minval"),
        (lambda: initializers.VarianceScaling(0), "VarianceScaling: expected scale > 0"),
        (lambda: initializers.VarianceScaling(mode="fan"), "expected mode to be one of 'fan_in'"),
        (lambda: initializers.VarianceScaling(distribution=3), "expected distribution to be one"),
        (lambda: initializers.Constant("a"), "Constant: expected value to be a finite number"),
        (lambda: initializers.HeNormal(seed=-1), "HeNormal: expected an integer seed >= 0"),
        (lambda: initializers.HeNormal(seed=1.5), "HeNormal: expected an integer seed >= 0"),
        (lambda: initializers.Orthogonal()((3,)), "Orthogonal: expected a shape of rank >= 2"),
        (lambda: initializers.Identity()((3,)), "Identity: expected a shape of rank 2"),
        (lambda: initializers.Zeros()((3, -1)), "Zeros: expected shape to be a tuple of integers"),
        (lambda: initializers.Zeros()((3, None)), "Zeros: expected shape to be a tuple"),
        (lambda: initializers.Zeros()(3), "Zeros: expected shape to be a tuple"),
        (lambda: initializers.HeNormal()((3, 3), "int32"), "HeNormal: expected a float dtype"),
        (lambda: initializers.get("glorot_unifrom"), "Did you mean 'glorot_uniform'"),
        (lambda: initializers.get("He_Normal"), "Did you mean 'HeNormal'"),
        (lambda: initializers.get(3), "Could not interpret initializer identifier: 3"),
    ],
)
def test_bad_arguments_are_errors_that_say_what_was_expected(make: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()


def test_integer_weights_may_be_constant() -> None:
    assert initializers.Ones()((2,), "int32").dtype == np.int32


def test_one_s_own_initializer() -> None:
    class Halves(initializers.Initializer):
        def __call__(self, shape: Any, dtype: Any = None) -> np.ndarray:
            return np.full(shape, 0.5, dtype)

    assert type(initializers.get(Halves)) is Halves
    assert initializers.get(Halves())((2,)).tolist() == [0.5, 0.5]
    with pytest.raises(NotImplementedError, match="Initializer does not define __call__"):
        initializers.Initializer()((2,))


@pytest.mark.parametrize("cls", CLASSES)
def test_arguments_defaults_and_configs_are_kerass(cls: type) -> None:
    keras = pytest.importorskip("keras")
    theirs = getattr(keras.initializers, cls.__name__)
    expected = theirs().get_config()
    if cls is initializers.Identity:
        expected = {"gain": 1.0}  # Keras 3.15 forgets it
    assert cls().get_config() == expected
    ours = inspect.signature(cls).parameters
    assert list(ours) == list(inspect.signature(theirs).parameters)
    serialized = keras.initializers.serialize(theirs())
    assert type(initializers.deserialize(serialized)) is cls


@pytest.mark.parametrize("cls", RANDOM)
def test_a_seed_generator_gives_other_values_each_time(cls):
    first = cls(seed=SeedGenerator(1))
    a, b = first((3, 3)), first((3, 3))
    assert not np.array_equal(a, b)
    again = initializers.deserialize(initializers.serialize(first))
    np.testing.assert_array_equal(again((3, 3)), a)
    np.testing.assert_array_equal(again((3, 3)), b)
