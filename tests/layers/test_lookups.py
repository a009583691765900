"""IntegerLookup, StringLookup, Hashing and HashedCrossing: Keras's numbers, adapting, bad input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fastmlp import Input, Model, Sequential, layers, models
from fastmlp.layers import hashes
from fastmlp.utils import PyDataset

CASES = json.loads(Path(__file__).with_name("reference_lookups.json").read_text(encoding="utf-8"))


def made(case):
    layer = getattr(layers, case["layer"])(**case["arguments"])
    if case["adapt"] is not None:
        layer.adapt(np.array(case["adapt"]))
    return layer


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{case['layer']}-{case['arguments']}"[:60]
)
def test_numbers_are_those_of_keras(case):
    """References: reference_lookups.py. Weights are float32 in Keras: equal to a rounding."""
    layer, crossed = made(case), case["layer"] == "HashedCrossing"
    x = [np.array(one) for one in case["inputs"]] if crossed else np.array(case["inputs"])
    found, expected = layer(x), np.array(case["output"])
    assert found.shape == expected.shape
    if found.dtype == object:
        assert found.tolist() == expected.tolist()
        return
    assert found.dtype == ("int64" if layer.output_mode == "int" else "float32")
    np.testing.assert_allclose(found, expected, rtol=2e-7)
    if "vocabulary" in case:
        assert layer.get_vocabulary() == case["vocabulary"]
        assert layer.vocabulary_size() == len(case["vocabulary"])
    again = layers.deserialize(json.loads(json.dumps(layers.serialize(layer))))
    assert again.get_config() == layer.get_config()
    np.testing.assert_array_equal(again(x), found)
    parts = x if crossed else [x]
    if parts[0].ndim == 1:
        return
    kinds = ["string" if part.dtype.kind == "U" else "int64" for part in parts]
    entries = [Input(p.shape[1:], dtype=k) for p, k in zip(parts, kinds, strict=True)]
    model = Model(entries, layer(entries if crossed else entries[0]))
    for y in (model.predict(parts, verbose=0), model(parts)):
        assert y.dtype == found.dtype
        np.testing.assert_allclose(y, expected, rtol=2e-7)
    assert model.output_shape == (None, *expected.shape[1:])


def test_fingerprints_of_known_strings():
    """From FarmHash's and SipHash's own descriptions."""
    assert hashes.fingerprint64([b""])[0] == 0x9AE16A3B2F90404F
    key = np.frombuffer(bytes(range(16)), "<u8").tolist()
    assert hashes.siphash64([bytes(range(15))], key)[0] == 0xA129CA6149BE45E5


TOKENS = np.random.default_rng(5).choice(["a", "b", "c", "dd", "é"], size=(60, 2))
SOURCES = {
    "array": lambda x: x,
    "objects": lambda x: x.astype(object),
    "bytes": lambda x: np.char.encode(x, "utf-8"),
    "list": lambda x: x.tolist(),
    "frame": pd.DataFrame,
    "batches": lambda x: list(np.array_split(x, 7)),
    "generator": lambda x: iter(np.array_split(x, 7)),
    "batches with targets": lambda x: ((part, 0) for part in np.array_split(x, 7)),
    "data set": lambda x: Halves(x),
}


class Halves(PyDataset):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return self.x[index::2], None


@pytest.mark.parametrize("mode", ["int", "tf_idf"])
@pytest.mark.parametrize("source", SOURCES)
def test_adapt_reads_any_source(source, mode):
    expected = layers.StringLookup(output_mode=mode)
    expected.adapt(TOKENS)
    layer = layers.StringLookup(output_mode=mode)
    layer.adapt(SOURCES[source](TOKENS))
    assert layer.get_vocabulary() == expected.get_vocabulary()
    np.testing.assert_array_equal(layer(TOKENS), expected(TOKENS))


def test_adapt_reads_as_many_batches_as_wanted():
    layer = layers.IntegerLookup()
    layer.adapt((np.full((3, 1), i) for i in range(100)), steps=2)
    assert sorted(layer.get_vocabulary()) == [-1, 0, 1]


def test_state_in_steps():
    layer = layers.IntegerLookup()
    layer.update_state([[1, 2]])
    layer.update_state([[2, 3]])
    layer.finalize_state()
    assert layer.get_vocabulary() == [-1, 2, 3, 1]
    layer.reset_state()
    with pytest.raises(ValueError, match="at least one token"):
        layer.finalize_state()


def test_vocabulary_from_a_file(tmp_path):
    file = tmp_path / "words.txt"
    file.write_bytes("earth\ncafé\r\nfire".encode("latin-1"))
    layer = layers.StringLookup(vocabulary=str(file), encoding="latin-1")
    assert layer.get_vocabulary() == ["[UNK]", "earth", "café", "fire"]
    assert layer([["café".encode("latin-1")]]).tolist() == [[2]]
    again = layers.deserialize(layers.serialize(layer))  # the file may be gone by then
    assert again.get_vocabulary() == layer.get_vocabulary()
    file.write_text("7\n9\n")
    assert layers.IntegerLookup(vocabulary=str(file))([[9]]).tolist() == [[2]]
    file.write_text("7\nnine\n")
    with pytest.raises(ValueError, match=r"integer in each line.*'nine'"):
        layers.IntegerLookup(vocabulary=str(file))
    with pytest.raises(ValueError, match=r"text file.*absent\.txt"):
        layers.StringLookup(vocabulary=str(tmp_path / "absent.txt"))


def test_a_config_opens_no_file(tmp_path):
    (tmp_path / "secret").write_text("token\n")
    config = {**layers.StringLookup().get_config(), "vocabulary": str(tmp_path / "secret")}
    with pytest.raises(ValueError, match="tokens in the config, not the path"):
        layers.StringLookup.from_config(config)


def test_identifiers_of_any_size_are_told_apart():
    ids = np.array([[123456788], [123456789], [2**62]])
    layer = layers.IntegerLookup(vocabulary=ids[:, 0].tolist())
    model = Sequential([Input((1,), dtype="int64"), layer])
    np.testing.assert_array_equal(model.predict(ids, verbose=0), [[1], [2], [3]])


def test_models_see_a_vocabulary_that_is_adapted_again():
    layer = layers.StringLookup(output_mode="one_hot")
    layer.adapt([["a"], ["b"]])
    model = Sequential([Input((1,), dtype="string"), layer])
    x = np.array([["a"], ["z"]])
    np.testing.assert_array_equal(model.predict(x, verbose=0), [[0, 0, 1], [1, 0, 0]])
    layer.adapt([["z"], ["y"]])
    np.testing.assert_array_equal(model.predict(x, verbose=0), [[1, 0, 0], [0, 1, 0]])
    with pytest.raises(RuntimeError, match="vocabulary of 3 tokens as before"):
        layer.adapt([["z"]])
    np.testing.assert_array_equal(model(x), [[1, 0, 0], [0, 1, 0]])


def test_adapted_weights_of_tf_idf_reach_a_model():
    layer = layers.StringLookup(output_mode="tf_idf")
    layer.adapt(TOKENS)
    model = Sequential([Input((2,), dtype="string"), layer])
    before = model.predict(TOKENS, verbose=0)
    layer.adapt(np.concatenate([TOKENS, [["a", "a"]] * 9]))
    after = model.predict(TOKENS, verbose=0)
    assert not np.allclose(before, after)
    np.testing.assert_array_equal(after, layer(TOKENS))
    assert model.count_params() == 0


def test_a_model_without_an_input_begins_with_strings():
    lookup = layers.StringLookup(output_mode="multi_hot")
    lookup.adapt(TOKENS)
    model = Sequential([lookup, layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match="expected strings"):
        model.fit(np.zeros((60, 2)), np.zeros(60), verbose=0)
    model.fit(TOKENS, np.zeros(60), verbose=0)
    assert model.input_shape == (None, 2)
    model = Sequential([layers.StringLookup(vocabulary=["a"], input_shape=(2,)), layers.Dense(1)])
    assert model(TOKENS).shape == (60, 1)
    model = Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match="number the labels"):
        model.fit(TOKENS, np.zeros(60), verbose=0)


@pytest.mark.parametrize("eagerly", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_codes_choose_rows_of_a_table(dtype, eagerly):
    texts = np.array([["a", "b", "", ""], ["c", "", "", ""], ["b", "a", "b", "c"]])
    lookup = layers.StringLookup(mask_token="", dtype=dtype)
    lookup.adapt(texts)
    entry = Input((4,), dtype="string")
    steps = layers.Embedding(lookup.vocabulary_size(), 3, mask_zero=True, dtype=dtype)(
        lookup(entry)
    )
    state = layers.GRU(2, dtype=dtype)(steps)
    model = Model(entry, layers.Dense(1, dtype=dtype)(state))
    model.compile("adam", "mse", run_eagerly=eagerly)
    model.fit(texts, np.ones(3), epochs=2, verbose=0)
    found = model.predict(texts, verbose=0)
    assert found.dtype == dtype
    np.testing.assert_allclose(model(texts), found, rtol=1e-5)
    again = models.model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(again.predict(texts, verbose=0), found, rtol=1e-5)


def test_configs_of_keras_are_understood():
    config = {
        "name": "s", "trainable": True, "invert": False, "max_tokens": None, "num_oov_indices": 1,
        "dtype": {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}},
        "oov_token": "[UNK]", "mask_token": None, "output_mode": "int", "sparse": False,
        "pad_to_max_tokens": False, "idf_weights": None, "vocabulary": ["a", "b"],
        "vocabulary_size": 3, "oov_method": "floormod", "salt": None, "encoding": "utf-8",
    }  # fmt: skip
    layer = layers.deserialize({"class_name": "StringLookup", "config": config})
    assert layer([["b"], ["c"]]).tolist() == [[2], [0]]
    config = {"name": "h", "trainable": True, "dtype": "int64", "num_bins": 3, "salt": None}
    layer = layers.deserialize({"class_name": "Hashing", "config": config})
    assert layer([["A"], ["B"], ["C"]]).tolist() == [[1], [0], [1]]


def test_a_large_vocabulary_is_not_searched_for_layers():
    layer = layers.StringLookup(vocabulary=[str(i) for i in range(1000)])
    assert not any(isinstance(v, (list, dict)) and len(v) > 10 for v in vars(layer).values())


def test_forward_and_inverse_are_a_pair():
    for kind, x in (("StringLookup", TOKENS), ("IntegerLookup", np.arange(8).reshape(4, 2))):
        layer = getattr(layers, kind)()
        layer.adapt(x)
        back = getattr(layers, kind)(vocabulary=layer.get_vocabulary(), invert=True)
        assert back(layer(x)).tolist() == x.tolist()


def test_numbers_that_a_model_computes_are_looked_up_too():
    entry = Input((2,))
    shown = []
    model = Model(
        entry, layers.IntegerLookup(vocabulary=[2, 6], output_mode="multi_hot")(2 * entry)
    )
    found = model.predict(np.array([[1.0, 3.0], [1.0, 0.0]]), verbose=0)
    np.testing.assert_array_equal(found, [[0, 1, 1], [1, 1, 0]])
    model = Model(entry, layers.Dense(1)(layers.Hashing(3, output_mode="one_hot")(2 * entry)[:, 0]))
    model.compile("sgd", "mse")
    model.plan_summary(print_fn=shown.append)
    assert "Python" in "".join(shown)  # the slow path is visible


def make(kind, *args, **kwargs):
    return lambda: getattr(layers, kind)(*args, **kwargs)


@pytest.mark.parametrize(
    ("act", "kind", "message"),
    [
        (make("Hashing", 0), ValueError, "num_bins >= 1"),
        (make("Hashing", 3, salt="x"), ValueError, "an integer or two"),
        (make("Hashing", 3, salt=[1, 2, 3]), ValueError, "an integer or two"),
        (make("Hashing", 3, output_mode="tf_idf"), ValueError, "output_mode"),
        (make("Hashing", 3, sparse=True), ValueError, "sparse=False"),
        (make("HashedCrossing", 3, output_mode="count"), ValueError, "'int', 'one_hot'"),
        (lambda: layers.HashedCrossing(3)([["a"]]), ValueError, "at least two inputs"),
        (lambda: layers.HashedCrossing(3)([["a"], ["b", "c"]]), ValueError, "of one shape"),
        (lambda: layers.HashedCrossing(3)([["a"], [1.5]]), TypeError, r"integers\. Received: 1\.5"),
        (lambda: layers.Hashing(3)([[np.nan]]), ValueError, "nan"),
        (lambda: layers.Hashing(3)([[1j]]), TypeError, "expected integers"),
        (make("StringLookup", max_tokens=1), ValueError, "max_tokens >= 2"),
        (make("StringLookup", pad_to_max_tokens=True), ValueError, "max_tokens, to pad to"),
        (make("StringLookup", num_oov_indices=-1), ValueError, "num_oov_indices >= 0"),
        (make("StringLookup", output_mode="one"), ValueError, "output_mode"),
        (make("StringLookup", invert=True, output_mode="count"), ValueError, "with invert"),
        (make("StringLookup", idf_weights=[1.0]), ValueError, "for output_mode='tf_idf'"),
        (make("StringLookup", vocabulary=[]), ValueError, "at least one token"),
        (make("StringLookup", vocabulary=["a", "a"]), ValueError, r"twice: \['a'\]"),
        (make("StringLookup", vocabulary=[1, 2]), TypeError, "expected strings"),
        (
            make("StringLookup", vocabulary=["a", "b"], mask_token="b"),
            ValueError,
            "mask_token 'b' stands at place 1",
        ),
        (
            make("StringLookup", vocabulary=["a", "[UNK]"], invert=True),
            ValueError,
            r"oov_token '\[UNK\]' stands at place 1",
        ),
        (
            make("StringLookup", vocabulary=["a", "b"], max_tokens=2),
            ValueError,
            "at most max_tokens=2",
        ),
        (
            make("StringLookup", vocabulary=["a", "b"], output_mode="tf_idf"),
            ValueError,
            "one for each of 2 tokens.*None",
        ),
        (
            make("StringLookup", vocabulary=["a"], idf_weights=[1.0, 2.0], output_mode="tf_idf"),
            ValueError,
            r"one for each of 1 tokens.*\(2,\)",
        ),
        (make("IntegerLookup", vocabulary=["a"]), TypeError, "expected integers"),
        (make("IntegerLookup", vocabulary=[10, 20.5]), TypeError, "integers.*20.5"),
        (lambda: layers.IntegerLookup(vocabulary=[10])([10.0, 10.5]), TypeError, "integers.*10.5"),
        (lambda: layers.IntegerLookup().adapt([10.5]), TypeError, "integers.*10.5"),
        (make("IntegerLookup", vocabulary_dtype="int32"), ValueError, "'int64'"),
        (make("IntegerLookup", salt=3), ValueError, "oov_method='farmhash'"),
        (make("IntegerLookup", oov_method="x"), ValueError, "'floormod', 'farmhash'"),
        (make("IntegerLookup", mask_token=1.5), ValueError, "integer mask_token"),
        (lambda: layers.StringLookup()([["a"]]), ValueError, r"call adapt\(data\)"),
        (lambda: layers.StringLookup(vocabulary=["a"])([[1]]), TypeError, "IntegerLookup takes"),
        (
            lambda: layers.StringLookup(vocabulary=["a"])([["a"], [None]]),
            TypeError,
            "in row 1.*fillna",
        ),
        (lambda: layers.IntegerLookup(vocabulary=[1])([["a"]]), TypeError, "StringLookup takes"),
        (
            lambda: layers.StringLookup(vocabulary=["a"], num_oov_indices=0)([["b"]]),
            ValueError,
            r"num_oov_indices=0.*\['b'\]",
        ),
        (
            lambda: layers.StringLookup(vocabulary=["a"]).adapt([["b"]]),
            ValueError,
            "without vocabulary",
        ),
        (lambda: layers.StringLookup().adapt([]), ValueError, "at least one token"),
        (lambda: layers.StringLookup().adapt("text"), ValueError, "iterable of batches"),
        (
            lambda: layers.StringLookup(max_tokens=2, mask_token="").adapt(["a"]),
            ValueError,
            "above 2",
        ),
        (
            lambda: layers.StringLookup(output_mode="one_hot")(Input((1,), dtype="string")),
            RuntimeError,
            "needs its vocabulary before",
        ),
        (
            lambda: layers.StringLookup(vocabulary=["a"], invert=True)(Input((1,))),
            TypeError,
            "invert makes strings",
        ),
    ],
)
def test_bad_input_is_told(act, kind, message):
    with pytest.raises(kind, match=message):
        act()


def test_bad_data_change_no_vocabulary():
    layer = layers.StringLookup()
    layer.adapt(TOKENS)
    before = layer.get_vocabulary()
    with pytest.raises(TypeError):
        layer.adapt([TOKENS, np.array([["q"], [3.5]], object)])
    assert layer.get_vocabulary() == before
