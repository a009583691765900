"""Which shapes `build` gets."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import fastmlp

A, B = np.ones((4, 1), "float32"), np.ones((4, 2), "float32")


@pytest.mark.parametrize("lib", [keras, fastmlp])
def test_build_gets_the_shapes_that_it_names(lib: Any) -> None:
    class Named(lib.layers.Layer):  # type: ignore[misc,name-defined]
        def build(self, b_shape: Any, a_shape: Any) -> None:
            self.sizes = a_shape[-1], b_shape[-1]
            self.built = True

        def call(self, a: Any, b: Any) -> Any:
            return a + b

    for args, kwargs in (((A, B), {}), ((A,), {"b": B}), ((), {"a": A, "b": B})):
        layer = Named()
        layer(*args, **kwargs)
        assert layer.sizes == (1, 2)
    entry, other = lib.Input((1,)), lib.Input((2,))
    layer = Named()
    assert layer(entry, b=other).shape == (None, 2)
    assert layer.sizes == (1, 2)


@pytest.mark.parametrize("lib", [keras, fastmlp])
def test_a_shape_that_is_not_given_keeps_its_default(lib: Any) -> None:
    class Optional(lib.layers.Layer):  # type: ignore[misc,name-defined]
        def build(self, inputs_shape: Any, other_shape: Any = None) -> None:
            self.other = other_shape
            self.built = True

        def call(self, inputs: Any, other: Any = None) -> Any:
            return inputs if other is None else inputs + other

    with_it, without = Optional(), Optional()
    with_it(A, other=B)
    without(A)
    assert with_it.other[-1] == 2
    assert without.other is None


@pytest.mark.parametrize("lib", [keras, fastmlp])
@pytest.mark.parametrize("made", ["numpy", "ops", "float"])
def test_build_may_compute_with_the_first_values_of_weights(lib: Any, made: str) -> None:
    class Centers(lib.layers.Layer):  # type: ignore[misc,name-defined]
        def build(self, shape: Any) -> None:
            self.centers = self.add_weight(shape=(shape[-1], 2), initializer="ones")
            distance = self.centers[:, 0] * 2.0 - self.centers[:, 1]
            if made == "numpy":
                self.width = np.linalg.norm(distance)
            elif made == "ops":
                self.width = lib.ops.norm(distance)
            else:
                self.width = float(lib.ops.max(distance)) * 2.0

        def call(self, x: Any) -> Any:
            return lib.ops.matmul(x, self.centers) / self.width

    model = lib.Sequential([lib.Input((4,)), Centers()])
    model.compile("sgd", "mse")
    for expected in (2.0, 1.98):  # the width stays as it was
        found = model.predict(np.ones((1, 4)), verbose=0)
        np.testing.assert_allclose(found, [[expected] * 2], rtol=1e-6)
        model.fit(np.ones((1, 4)), np.zeros((1, 2)), verbose=0)
