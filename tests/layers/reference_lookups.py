"""What Keras's lookups and hashes give: they need TensorFlow, which the tests do without.

Written by `KERAS_BACKEND=tensorflow python tests/layers/reference_lookups.py`, with Keras 3.15.1 and
TensorFlow 2.21, into `reference_lookups.json`.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

WORDS = ["earth", "wind", "and", "fire"]
TEXTS = [["earth", "and", "and"], ["water", "fire", "ice"], ["", "wind", "café"], ["ä", "b", "c"]]
COLUMN = [["earth"], ["fire"], ["ice"]]
FLAT = ["earth", "ice", "wind"]
IDS = [12, 36, 1138, 42]
NUMBERS = [[12, 1138, 42], [42, 7, 36], [-5, 0, 9_876_543_210], [0, 8, 9]]
DOCUMENTS = [["a", "b", "b"], ["b", "c", "é"], ["d", "d", "b"], ["", "x", "a"]]
LONG = [["x" * n + "yz"[n % 2]] for n in (*range(40), 60, 62, 63, 64, 100, 127, 128, 200)]
WEIGHTS = [0.25, 0.75, 0.6, 0.4]
HOT = ("one_hot", "multi_hot", "count")


def cases():
    """Layer, arguments, what it adapts to, inputs."""
    for name, vocabulary, x in (("StringLookup", WORDS, TEXTS), ("IntegerLookup", IDS, NUMBERS)):
        given = {"vocabulary": vocabulary}
        mask = vocabulary[1]
        for mode in ("int", *HOT):
            yield name, {**given, "output_mode": mode}, None, x
            yield (
                name,
                {**given, "output_mode": mode, "mask_token": 0 if x is NUMBERS else ""},
                None,
                x,
            )
        yield name, {**given, "num_oov_indices": 3}, None, x
        yield name, {**given, "num_oov_indices": 3, "output_mode": "count"}, None, x
        yield name, {**given, "num_oov_indices": 0}, None, [vocabulary]
        salted = {"oov_method": "farmhash", "num_oov_indices": 5}
        yield name, {**given, **salted}, None, x
        yield name, {**given, **salted, "salt": 7}, None, x
        yield name, {**given, **salted, "salt": [7, 99]}, None, x
        padded = {"pad_to_max_tokens": True, "max_tokens": 8}
        yield name, {**given, **padded, "output_mode": "multi_hot"}, None, x
        tf_idf = {"output_mode": "tf_idf", "idf_weights": WEIGHTS}
        yield name, {**given, **tf_idf}, None, x
        yield name, {**given, **tf_idf, **padded, "num_oov_indices": 2}, None, x
        yield (
            name,
            {**given, "mask_token": 0 if x is NUMBERS else "", "invert": True},
            None,
            [[0, 1, 2, 9]],
        )
        yield name, {}, x, x
        yield name, {"mask_token": mask, "max_tokens": 5}, x, x
        yield name, {"output_mode": "tf_idf"}, x, x
        yield name, {"output_mode": "tf_idf", **padded, "num_oov_indices": 2}, x, x
    for mode in ("int", *HOT):
        yield "StringLookup", {"vocabulary": WORDS, "output_mode": mode}, None, COLUMN
        yield "StringLookup", {"vocabulary": WORDS, "output_mode": mode}, None, FLAT
    yield "StringLookup", {"output_mode": "tf_idf"}, DOCUMENTS, DOCUMENTS
    yield "StringLookup", {"max_tokens": 4}, ["b", "a", "b", "c", "d"], DOCUMENTS
    yield "StringLookup", {"output_mode": "tf_idf"}, ["b", "a", "b", "c"], DOCUMENTS
    for x in (TEXTS, NUMBERS, LONG, [[1.7, -2.9]]):
        yield "Hashing", {"num_bins": 1000}, None, x
        yield "Hashing", {"num_bins": 1000, "salt": 1337}, None, x
        yield "Hashing", {"num_bins": 9, "salt": [133, 2**63 - 1]}, None, x
    yield "Hashing", {"num_bins": 4, "mask_value": ""}, None, TEXTS
    yield "Hashing", {"num_bins": 4, "mask_value": 0, "salt": 3}, None, NUMBERS
    yield "Hashing", {"num_bins": 1, "mask_value": 0}, None, NUMBERS
    for mode in HOT:
        yield "Hashing", {"num_bins": 5, "output_mode": mode}, None, TEXTS
        yield "Hashing", {"num_bins": 5, "output_mode": mode}, None, COLUMN
    ids = [[101], [-7], [9_876_543_210]]
    for mode in ("int", "one_hot"):
        yield "HashedCrossing", {"num_bins": 50, "output_mode": mode}, None, [COLUMN, ids]
        yield (
            "HashedCrossing",
            {"num_bins": 50, "output_mode": mode},
            None,
            [ids, COLUMN, LONG[-3:]],
        )
        yield "HashedCrossing", {"num_bins": 50, "output_mode": mode}, None, [FLAT, [1, 2, 3]]


def plain(x):
    """Strings in place of bytes."""
    if isinstance(x, bytes):
        return x.decode()
    return [plain(one) for one in x] if isinstance(x, list) else x


def main():
    import keras

    found = []
    for name, arguments, data, x in cases():
        layer = getattr(keras.layers, name)(**arguments)
        if data is not None:
            layer.adapt(np.array(data))
        inputs = [np.array(one) for one in x] if name == "HashedCrossing" else np.array(x)
        case = {"layer": name, "arguments": arguments, "adapt": data, "inputs": x}
        y = layer(inputs)
        y = y.numpy() if hasattr(y, "numpy") else np.asarray(y)
        case["output"] = plain(y.tolist())
        if hasattr(layer, "get_vocabulary"):
            case["vocabulary"] = [plain(np.array(t).tolist()) for t in layer.get_vocabulary()]
        found.append(case)
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in found)
    Path(__file__).with_suffix(".json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
