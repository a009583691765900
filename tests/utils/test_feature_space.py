"""FeatureSpace: Keras's numbers, data of every form, models, files, bad input."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import fastmlp
from fastmlp import Model, layers
from fastmlp.utils import FeatureSpace, PyDataset
from tests.utils.reference_feature_space import DATA, NEW, spaces

REFERENCE = json.loads(
    Path(__file__).with_name("reference_feature_space.json").read_text(encoding="utf-8")
)
FRAME = pd.DataFrame(DATA)


def adapted(name="by makers", data=FRAME):
    space = dict(spaces(FeatureSpace))[name]
    space.adapt(data)
    return space


@pytest.mark.parametrize("name", REFERENCE)
def test_numbers_are_those_of_keras(name):
    """References: reference_feature_space.py. Keras sums means in float32."""
    space = adapted(name, DATA)
    for data, expected in zip((DATA, NEW), REFERENCE[name], strict=True):
        found = space(data)
        if isinstance(expected, list):
            assert found.dtype == "float32"
            found, expected = {"": found}, {"": expected}
        assert list(found) == list(expected)
        for key, values in found.items():
            np.testing.assert_allclose(values, expected[key], rtol=1e-5, atol=1e-6, err_msg=key)
    assert name != "integers" or found["city"].dtype == found["city_X_rooms"].dtype == "int64"


class Parts(PyDataset):
    def __init__(self, size):
        super().__init__()
        self.size = size

    def __len__(self):
        return -(-len(FRAME) // self.size)

    def __getitem__(self, index):
        return FRAME.iloc[index * self.size : (index + 1) * self.size], np.zeros(self.size)


SOURCES = {
    "dict of lists": lambda: DATA,
    "dict of arrays": lambda: {key: np.array(column) for key, column in DATA.items()},
    "dict of columns (n, 1)": lambda: {k: np.array(column)[:, None] for k, column in DATA.items()},
    "frame": lambda: FRAME,
    "frame of categories": lambda: FRAME.astype({"city": "category", "owner": "string"}),
    "generator of frames": lambda: (FRAME.iloc[i : i + 2] for i in range(0, 6, 2)),
    "batches with targets": lambda: Parts(4),
}


@pytest.mark.parametrize("source", SOURCES)
def test_adapt_and_calls_take_data_of_any_form(source):
    expected = np.array(REFERENCE["by makers"][0])
    space = adapted(data=SOURCES[source]())
    np.testing.assert_allclose(space(DATA), expected, rtol=1e-5, atol=1e-6)
    if not isinstance(SOURCES[source](), (dict, pd.DataFrame)):
        return
    np.testing.assert_allclose(space(SOURCES[source]()), expected, rtol=1e-5, atol=1e-6)


def test_one_sample_has_no_axis_of_samples():
    space = adapted()
    row = {name: column[3] for name, column in DATA.items()}
    np.testing.assert_array_equal(space(row), space(DATA)[3])
    space = adapted("integers")
    assert space(row)["city"].shape == (1,)


def test_adapt_reads_as_many_batches_as_wanted():
    space = FeatureSpace({"city": "string_categorical"})
    space.adapt((FRAME.iloc[i : i + 1] for i in range(6)), steps=2)
    assert sorted(space.preprocessors["city"].get_vocabulary(False)) == ["oslo", "rome"]


def test_columns_go_into_a_model_that_is_trained():
    space = adapted()
    outputs = layers.Dense(1)(layers.Dense(8, "tanh")(space.get_encoded_features()))
    whole, rest = Model(space.get_inputs(), outputs), Model(space.get_encoded_features(), outputs)
    whole.compile("adam", "mse")
    y = np.arange(6.0)
    first = whole.evaluate(FRAME, y, verbose=0)
    whole.fit(FRAME, y, epochs=30, verbose=0)
    assert whole.evaluate(dict(FRAME), y, verbose=0) < first
    whole.fit(((FRAME.iloc[i : i + 3], y[i : i + 3]) for i in (0, 3)), verbose=0)
    whole.fit(FRAME.sample(frac=1, random_state=0), y, validation_data=(FRAME, y), verbose=0)
    whole.train_on_batch(FRAME, y)
    expected = rest.predict(space(FRAME), verbose=0)
    np.testing.assert_allclose(whole.predict(FRAME, verbose=0), expected, rtol=1e-6)
    np.testing.assert_allclose(whole.predict_on_batch(FRAME), expected, rtol=1e-6)
    np.testing.assert_allclose(
        whole({k: np.array(column)[:, None] for k, column in DATA.items()}), expected, rtol=1e-6
    )
    assert space.predict(FRAME, verbose=0).shape == (6, 35)
    assert max(fastmlp.check_gradients(whole, FRAME, y).values()) < 1e-3


def test_no_python_runs_within_a_step():
    space = adapted()
    model = Model(space.get_inputs(), layers.Dense(1)(space.get_encoded_features()))
    model.compile("sgd", "mse")
    lines: list[str] = []
    model.plan_summary(print_fn=lines.append)
    assert "Python" not in "\n".join(lines)


def test_files_copies_and_clones_keep_what_was_adapted(tmp_path):
    space = adapted()
    model = Model(space.get_inputs(), layers.Dense(2)(space.get_encoded_features()))
    for one in (space, model):
        expected = one.predict(FRAME, verbose=0)
        one.save(tmp_path / "model.fastmlp")
        twin = fastmlp.models.clone_model(model) if one is model else copy.deepcopy(space)
        twin.set_weights(one.get_weights())
        loaded = fastmlp.models.load_model(tmp_path / "model.fastmlp")
        assert type(loaded) is type(one)
        for again in (loaded, twin, pickle.loads(pickle.dumps(one))):
            np.testing.assert_array_equal(again.predict(FRAME, verbose=0), expected)
    loaded = fastmlp.models.load_model(tmp_path / "model.fastmlp")
    assert loaded.count_params() == model.count_params()


def test_config_makes_an_equal_space():
    space = adapted()
    again = FeatureSpace.from_config(json.loads(json.dumps(space.get_config())))
    with pytest.raises(ValueError, match="call adapt"):  # means are weights
        again(DATA)
    again.build()
    again.set_weights(space.get_weights())
    np.testing.assert_array_equal(again(DATA), space(DATA))


def test_layers_of_the_users_own():
    lookup = layers.StringLookup(vocabulary=["rome", "oslo"], output_mode="multi_hot")
    space = FeatureSpace(
        {
            "city": FeatureSpace.feature("string", lookup, "float"),
            "plain": FeatureSpace.feature("float32", layers.Discretization([0.0]), "one_hot"),
        }
    )
    found = space(DATA)  # nothing to adapt
    np.testing.assert_array_equal(found[:2], [[0, 1, 0, 0, 1], [0, 0, 1, 0, 1]])


@pytest.mark.parametrize(
    ("act", "kind", "message"),
    [
        (lambda: FeatureSpace({}), ValueError, "not empty"),
        (
            lambda: FeatureSpace({"a": "floot"}),
            ValueError,
            "type of feature 'a'.*Did you mean 'float'",
        ),
        (lambda: FeatureSpace({"a": "float"}, output_mode="list"), ValueError, "'concat', 'dict'"),
        (
            lambda: FeatureSpace({"city": "string_hashed"}, crosses=[("city", "citi")]),
            ValueError,
            "unknown feature 'citi'. Did you mean 'city'",
        ),
        (
            lambda: FeatureSpace({"a": "float", "b": "string_hashed"}, crosses=[("a", "b")]),
            ValueError,
            "expected categories. Received: 'a'.*float_discretized",
        ),
        (lambda: FeatureSpace.cross("ab", 3), ValueError, "at least two names"),
        (lambda: FeatureSpace.feature("float32", "x", "float"), ValueError, "a layer"),
        (
            lambda: FeatureSpace.feature("float32", layers.Identity(), "x"),
            ValueError,
            "output_mode",
        ),
        (lambda: FeatureSpace({"a": "float_normalized"})({"a": [1.0]}), ValueError, "call adapt"),
        (lambda: adapted()({"city": ["rome"]}), ValueError, "column 'plain' is missing"),
        (lambda: adapted()([1, 2]), TypeError, "a dict of columns or a frame"),
        (lambda: adapted()({**DATA, "city": ["a"]}), ValueError, "columns of one length"),
        (lambda: adapted()({**DATA, "city": [["a", "b"]] * 6}), ValueError, "one value of 'city'"),
        (lambda: adapted()({**DATA, "city": list(range(6))}), TypeError, "expected strings"),
        (lambda: adapted()({**DATA, "rooms": list("abcdef")}), TypeError, "numbers for 'rooms'"),
        (lambda: adapted()({**DATA, "plain": list("abcdef")}), TypeError, "numbers for 'plain'"),
        (lambda: adapted(data=FRAME.drop(columns="city")), ValueError, "column 'city' is missing"),
        (lambda: adapted(data=3), ValueError, "a dict of columns, a frame or batches"),
        (lambda: adapted(data=[]), ValueError, "at least one sample"),
        (
            lambda: FeatureSpace({"a": FeatureSpace.string_hashed(3, "int")})({"a": ["x"]}),
            ValueError,
            "feature 'a' gives whole numbers.*'dict'",
        ),
        (
            lambda: FeatureSpace(
                {"a": FeatureSpace.feature("float32", layers.Identity(), "one_hot")}
            )({"a": [1]}),
            ValueError,
            "gives no whole numbers",
        ),
    ],
)
def test_bad_input_is_told(act, kind, message):
    with pytest.raises(kind, match=message):
        act()
