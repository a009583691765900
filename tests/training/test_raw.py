"""Strings and identifiers as inputs: what becomes codes, when, and what it costs."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from fastmlp import Input, Model, Sequential, layers
from fastmlp.boundary import Boundary
from fastmlp.training.raw import as_raw, encoded
from fastmlp.training.source import as_source

RANDOM = np.random.default_rng(8)
WORDS = RANDOM.choice(["a", "b", "cc"], size=(50, 1))
IDS = RANDOM.integers(10**9, 10**9 + 5, size=(50, 1))
Y = RANDOM.normal(size=50)


def words():
    return Input((1,), dtype="string", name="words")


def lookup(**kwargs):
    return layers.StringLookup(vocabulary=["a", "b"], **kwargs)


def test_plans_start_from_codes_alone():
    a, b = words(), Input((1,), dtype="int64", name="ids")
    first, second = lookup()(a), layers.Hashing(3)(a)
    crossed = layers.HashedCrossing(4)([first, b])
    model = Model([a, b], layers.concatenate([first, second, crossed]))
    boundary = Boundary(model.inputs, model.outputs)
    assert {t.name.rstrip("_0123456789") for t in boundary.feeds} == {
        "string_lookup", "hashing", "hashed_crossing",
    }  # fmt: skip
    found = model.predict([WORDS, IDS], verbose=0)
    codes = lookup()(WORDS)
    expected = [codes, layers.Hashing(3)(WORDS), layers.HashedCrossing(4)([codes, IDS])]
    np.testing.assert_array_equal(found, np.concatenate(expected, axis=1))


def test_an_input_may_be_looked_up_and_computed_with():
    ids, unused = Input((1,), name="ids"), Input((2,), name="unused")
    known = layers.IntegerLookup(vocabulary=[1, 2])(ids)
    model = Model([ids, unused], 10 * ids + known)
    x = np.array([[1], [2], [7]])
    found = model.predict({"ids": x, "unused": np.zeros((3, 2))}, verbose=0)
    np.testing.assert_array_equal(found, [[11], [22], [70]])
    np.testing.assert_array_equal(model([x, np.zeros((3, 2))]), found)


def test_models_of_strings_within_models():
    inner = Sequential([words(), lookup(), layers.Dense(2)])
    entry = words()
    outer = Model(entry, layers.Dense(1)(inner(entry)))
    outer.compile("sgd", "mse")
    outer.fit(WORDS, Y, verbose=0)
    expected = outer.layers[-1](inner.predict(WORDS, verbose=0))
    np.testing.assert_allclose(outer.predict(WORDS, verbose=0), expected, rtol=1e-6)
    rest = Model(inner.layers[0].output, inner.layers[-1].output)  # begins with the codes
    np.testing.assert_allclose(
        rest.predict(lookup()(WORDS), verbose=0), inner.predict(WORDS, verbose=0), rtol=1e-6
    )


@pytest.mark.parametrize("form", ["flat", "column", "objects", "list", "generator"])
def test_every_form_of_strings_trains_to_the_same_weights(form):
    forms = {
        "flat": WORDS[:, 0],
        "column": WORDS,
        "objects": WORDS.astype(object),
        "list": WORDS.tolist(),
        "generator": ((WORDS[i : i + 10], Y[i : i + 10]) for i in range(0, 50, 10)),
    }
    layer = layers.Dense(1, kernel_initializer="ones")
    model = Sequential([words(), lookup(output_mode="one_hot"), layer])
    model.compile("sgd", "mse")
    if form == "generator":
        model.fit(forms[form], verbose=0)
    else:
        model.fit(forms[form], Y, batch_size=10, shuffle=False, verbose=0)
    hot = lookup(output_mode="one_hot")(WORDS)
    other = Sequential([Input((3,)), layers.Dense(1, kernel_initializer="ones")])
    other.compile("sgd", "mse")
    other.fit(hot, Y, batch_size=10, shuffle=False, verbose=0)
    for own, expected in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(own, expected)


def test_batches_one_by_one_give_the_same_bits():
    def made():
        model = Sequential(
            [words(), lookup(output_mode="one_hot"), layers.Dense(1, kernel_initializer="ones")]
        )
        model.compile("sgd", "mse", metrics=["mae"])
        return model

    one, other = made(), made()
    for _ in range(3):
        log = one.train_on_batch(WORDS, Y)
    logs = other.fit(WORDS, Y, batch_size=50, epochs=3, verbose=0).history
    assert log == pytest.approx([logs["loss"][-1], logs["mae"][-1]], rel=1e-6)
    np.testing.assert_array_equal(one.layers[1].kernel, other.layers[1].kernel)
    assert one.test_on_batch(WORDS, Y) == pytest.approx(other.evaluate(WORDS, Y, verbose=0))
    for _ in range(2):  # the second time nothing is kept of the first
        np.testing.assert_array_equal(one.predict_on_batch(WORDS[::-1]), one(WORDS[::-1]))
        np.testing.assert_array_equal(one.predict(WORDS[:1], verbose=0), one(WORDS[:1]))


def test_strings_are_never_copied_whole():
    """Codes take 4 bytes a value; as Python objects 200,000 strings would take 12 MB."""
    entry = words()
    model = Model(entry, lookup()(entry))
    many = np.broadcast_to(np.array([["some words"], ["a"]] * 2), (50_000, 4, 1)).reshape(-1, 1)
    boundary = Boundary(model.inputs, model.outputs)
    raw = [as_raw(many, "x", entry)]
    tracemalloc.start()
    try:
        (source,) = encoded(boundary, raw)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert source.parts[0].dtype_name == "int32"
    assert source.n == 200_000
    assert peak < 200_000 * 4 + 8e6
    np.testing.assert_array_equal(source.block(0, 4)[:, 0], [0, 1, 0, 1])


def test_numbers_beside_strings_stay_where_they_are():
    entry, numbers = words(), Input((2,), name="numbers")
    model = Model([entry, numbers], layers.concatenate([lookup()(entry), numbers]))
    x = np.ones((50, 2))
    sources = model._rows({"words": WORDS, "numbers": x}).inputs
    (kept,) = (s for s in sources if s.width == 2)
    assert kept.copied is None
    assert np.shares_memory(kept.parts[0].array, x)
    assert as_source(x, "x").n == kept.n


@pytest.mark.parametrize(
    ("act", "kind", "message"),
    [
        (lambda m: m.fit(WORDS[:9], Y, verbose=0), ValueError, "x has 9, y has 50"),
        (lambda m: m.fit(np.ones((50, 1)), Y, verbose=0), TypeError, "expected strings"),
        (lambda m: m.fit(np.empty((0, 1), "U1"), Y[:0], verbose=0), ValueError, "one string"),
        (lambda m: m.fit(np.hstack([WORDS, WORDS]), Y, verbose=0), ValueError, r"shape \(1,\)"),
        (lambda m: m.predict(WORDS[..., None, None], verbose=0), ValueError, r"shape \(1,\)"),
        (lambda m: m(np.ones((2, 1))), TypeError, "expected strings"),
        (lambda m: layers.Dense(1)(words()), TypeError, "a tensor of strings.*StringLookup"),
        (lambda m: words() + 1, TypeError, "expected numbers.*a tensor of strings"),
        (lambda m: layers.concatenate([words(), Input((1,))]), TypeError, "a tensor of strings"),
        (lambda m: Model(m.inputs, m.inputs), TypeError, "outputs that are numbers"),
        (lambda m: Input((1,), dtype="str"), ValueError, "Did you mean 'string'"),
    ],
)
def test_bad_input_is_told(act, kind, message):
    model = Sequential([words(), lookup(), layers.Dense(1)])
    model.compile("sgd", "mse")
    before = model.get_weights()
    with pytest.raises(kind, match=message):
        act(model)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def test_a_bad_value_is_told_with_its_rows():
    model = Sequential([words(), lookup(num_oov_indices=0), layers.Dense(1)])
    model.compile("sgd", "mse")
    many = np.full((70_000, 1), "a", object)
    many[-1] = "zz"
    with pytest.raises(ValueError, match=r"vocabulary.*\['zz'\]") as told:
        model.fit(many, np.zeros(70_000), verbose=0)
    assert "from 65536 on of x" in told.value.__notes__[0]
