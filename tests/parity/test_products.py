"""Products, sums and places along axes that Keras's functions take of a tensor, in functional models."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import fastmlp

RNG = np.random.default_rng(8)
CUBE = RNG.normal(size=(4, 3, 3)).astype("float32")
MATRIX = RNG.normal(size=(3, 2)).astype("float32")
STACK = RNG.normal(size=(5, 3, 2)).astype("float32")

CASES = {
    "ellipsis": lambda o, x: o.einsum("...ij,jk->...ik", x, MATRIX),
    "two ellipses": lambda o, x: o.einsum("b...,b...->b...", x, x),
    "ellipsis of two ranks": lambda o, x: o.einsum("...i,ij->...j", x, MATRIX),
    "swapped": lambda o, x: o.einsum("...ij->...ji", x),
    "implicit": lambda o, x: o.einsum("bij,jk", x, MATRIX),
    "implicit ellipsis": lambda o, x: o.einsum("...j,jk", x, MATRIX),
    "implicit sum": lambda o, x: o.einsum("bij,bij->b", x, x),
    "trace": lambda o, x: o.einsum("bii->b", x),
    "diagonal": lambda o, x: o.einsum("bii->bi", x),
    "diagonal product": lambda o, x: o.einsum("bii,ij->bj", x, MATRIX),
    "dot with a stack": lambda o, x: o.dot(x, STACK),
    "rows dot a stack": lambda o, x: o.dot(x[:, 0], STACK),
    "inner with a matrix": lambda o, x: o.inner(x, MATRIX.T),
    "inner with a stack": lambda o, x: o.inner(x[:, 0], STACK.transpose(0, 2, 1)),
    "inner with a vector": lambda o, x: o.inner(x, MATRIX[:, 0]),
    "constant pad": lambda o, x: o.pad(x, ((0, 0), (1, 0), (2, 1)), constant_values=3),
}


@pytest.mark.parametrize("make", CASES.values(), ids=CASES)
def test_functional_models_compute_what_keras_computes(make):
    found = []
    for k in (keras, fastmlp):
        entry = k.Input((3, 3))
        model = k.Model(entry, make(k.ops, entry))
        found.append((model.output_shape, model.predict(CUBE, verbose=0)))
    assert found[0][0] == found[1][0]
    np.testing.assert_allclose(found[1][1], found[0][1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("subscripts", ["bij,jkl->bik", "bij,jk,kl->bil"])
def test_einsum_refuses_other_axes_and_more_than_two_terms(subscripts):
    entry = fastmlp.Input((3, 3))
    operands = [MATRIX] * subscripts.count(",")
    with pytest.raises(ValueError, match="expected"):
        fastmlp.ops.einsum(subscripts, entry, *operands)


def changed(k, reduction):
    class Changed(k.layers.Layer):
        def build(self, input_shape):
            self.table = self.add_weight(shape=(3, 2), initializer=k.initializers.Constant(0.5))

        def call(self, x):
            at, new = [[0, 1], [2, 0]], np.array([7.0, 9.0], "float32")
            table = k.ops.scatter_update(self.table, at, new, reduction=reduction)
            rows = k.ops.scatter_update(x, [[1]], 2 * MATRIX.T[:1], reduction=reduction)
            return k.ops.matmul(rows, table)

    return Changed()


@pytest.mark.parametrize("reduction", [None, "add"])
def test_scatter_update_changes_places_of_weights_and_of_batches_of_known_size(reduction):
    theirs, ours = (changed(k, reduction)(CUBE[:, 0]) for k in (keras, fastmlp))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
