"""Sparse matrices as data: the same bits as dense arrays, without ever being one."""

from __future__ import annotations

import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, layers
from fastmlp.training.source import as_source

sparse = pytest.importorskip("scipy.sparse")

RNG = np.random.default_rng(0)
X = np.where(RNG.random((60, 17)) < 0.2, RNG.normal(size=(60, 17)), 0).astype("float32")
X[[3, 59]] = 0  # rows without entries
Y = RNG.normal(size=(60, 2)).astype("float32")


def model(dtype: str = "float32") -> Sequential:
    fastmlp.utils.set_random_seed(1)
    made = Sequential([Input((17,)), layers.Dense(5, activation="tanh", dtype=dtype),
                       layers.Dense(2, dtype=dtype)])  # fmt: skip
    made.compile("adam", "mse")
    return made


def bits(one) -> list[bytes]:
    return [w.tobytes() for w in one.get_weights()]


@pytest.mark.parametrize(
    "kind", ["csr_matrix", "csr_array", "csc_matrix", "coo_array", "dok_matrix", "dok_array"]
)
@pytest.mark.parametrize("element", ["float32", "float64", "int8", "int64", "bool"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_sparse_matrix_trains_as_the_dense_one_does(kind, element, dtype):
    x = (X * 3).astype(element)
    one, other = model(dtype), model(dtype)
    other.set_weights(one.get_weights())
    options = {"batch_size": 16, "epochs": 2, "verbose": 0, "shuffle": False}
    expected = one.fit(x, Y, **options).history
    assert other.fit(getattr(sparse, kind)(x), Y, **options).history == expected
    assert bits(one) == bits(other)


def test_rows_are_shuffled_split_and_weighted_as_those_of_arrays():
    options = {"batch_size": 7, "epochs": 3, "verbose": 0, "validation_split": 0.3,
               "sample_weight": RNG.uniform(size=60)}  # fmt: skip
    one = model()
    expected = one.fit(X, Y, **options).history
    other = model()
    assert other.fit(sparse.csr_matrix(X), Y, **options).history == expected
    assert bits(one) == bits(other)


def test_evaluate_predict_and_steps_on_batches_take_them():
    one, x = model(), sparse.csr_array(X)
    assert one.evaluate(x, Y, verbose=0) == one.evaluate(X, Y, verbose=0)
    np.testing.assert_array_equal(one.predict(x, verbose=0), one.predict(X, verbose=0))
    assert one.test_on_batch(x, Y) == one.test_on_batch(X, Y)
    other = model()
    assert other.train_on_batch(x, Y) == one.train_on_batch(X, Y)
    assert bits(one) == bits(other)


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.dok_matrix])
def test_they_may_be_one_of_several_inputs_and_the_targets(form):
    a, b = Input((17,), name="a", sparse=True), Input((2,), name="b")
    both = fastmlp.Model([a, b], layers.Dense(17)(a) + layers.Dense(17)(b))
    both.compile("sgd", "mse")
    start = both.get_weights()
    expected = both.fit([X, Y], X, 16, verbose=0, shuffle=False).history
    both.set_weights(start)
    given = both.fit([form(X), Y], form(X), 16, verbose=0, shuffle=False)
    assert given.history == expected


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.dok_array])
def test_batches_of_a_generator_may_be_sparse(form):
    one, other = model(), model()
    one.fit(X, Y, 20, verbose=0, shuffle=False)
    other.fit(((form(X[k : k + 20]), Y[k : k + 20]) for k in (0, 20, 40)), verbose=0)
    assert bits(one) == bits(other)


def test_entries_that_come_twice_are_added_up():
    x = sparse.csr_matrix(([1.0, 2.0, 4.0], [2, 2, 0], [0, 2, 3]), shape=(2, 17))
    np.testing.assert_array_equal(model().predict(x, verbose=0),
                                  model().predict(x.toarray(), verbose=0))  # fmt: skip


@pytest.mark.parametrize("index", ["int32", "int64"])
def test_the_matrix_is_not_copied(index):
    x = sparse.csr_matrix(X)
    x.indices, x.indptr = x.indices.astype(index), x.indptr.astype(index)
    source = as_source(x, "x")
    assert source.copied is None
    assert source.parts[0]._values is x.data
    assert source.parts[0]._columns is x.indices
    assert as_source(x.tocsc(), "x").copied == "a matrix in CSC format"
    np.testing.assert_array_equal(source.block(5, 9), X[5:9])
    np.testing.assert_array_equal(source.slice(5, 9).block(1, 3), X[6:8])


def test_nan_is_found_and_named():
    x = sparse.csr_matrix(X)
    x.data[7] = np.nan
    row, column = next(zip(*np.nonzero(np.isnan(x.toarray())), strict=True))
    with pytest.warns(UserWarning, match=f"x: column {column} holds nan in row {row}"):
        model().fit(x, Y, verbose=0)


def broken(**parts):
    x = sparse.csr_matrix(X)
    for name, values in parts.items():
        getattr(x, name)[...] = values
    return x


BAD = {
    "a column too far": (broken(indices=99), ValueError, "indices are within its shape"),
    "a column below zero": (broken(indices=-1), ValueError, "indices are within its shape"),
    "a row too long": (broken(indptr=[0, *[10**6] * 60]), ValueError, "within its shape"),
    "rows that go back": (broken(indptr=[0, 9, *[3] * 59]), ValueError, "within its shape"),
    "complex": (sparse.csr_matrix(X * 1j), TypeError, "expected real numbers"),
    "no rows": (sparse.csr_matrix((0, 17)), ValueError, r"shape=\(0, 17\)"),
    "other features": (sparse.csr_matrix(X[:, :5]), ValueError, "inputs with 17 features"),
    "fewer samples": (sparse.csr_matrix(X[:9]), ValueError, "same number of samples"),
}


@pytest.mark.parametrize(("x", "kind", "message"), BAD.values(), ids=BAD)
def test_other_matrices_are_refused(x, kind, message):
    one = model()
    before = bits(one)
    with pytest.raises(kind, match=message):
        one.fit(x, Y, verbose=0)
    assert bits(one) == before


@pytest.mark.parametrize(
    "form", [sparse.csr_matrix, sparse.csc_array, sparse.coo_matrix, sparse.dok_matrix]
)
def test_calls_on_batches_take_sparse_matrices(form):
    x = form(X)
    one = model()
    np.testing.assert_array_equal(one(x), one(X))
    np.testing.assert_array_equal(one.predict_on_batch(x), one(X))
    np.testing.assert_array_equal(one.layers[0](x), one.layers[0](X))
    assert one.test_on_batch(x, Y) == one.test_on_batch(X, Y)
    other = fastmlp.models.clone_model(one)
    other.set_weights(one.get_weights())
    other.compile("sgd", "mse")
    one.compile("sgd", "mse")
    assert one.train_on_batch(x, Y) == other.train_on_batch(X, Y)
    assert bits(one) == bits(other)


@pytest.mark.parametrize("name", ["a column too far", "a column below zero", "rows that go back"])
def test_calls_refuse_what_leads_out_of_a_matrix(name):
    x, kind, message = BAD[name]
    for call in (model(), model().predict_on_batch, model().layers[0]):
        with pytest.raises(kind, match=message):
            call(x)
