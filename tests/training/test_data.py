"""The user's data described for the gather: every layout, no copies, clear refusals."""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys
import tracemalloc

import numpy as np
import pandas as pd
import pytest

import fastmlp
from fastmlp.training.data import (
    Source,
    as_source,
    check_lengths,
    class_weights,
    column_name,
    find_nonfinite,
    split_rows,
    warn_not_finite,
)
from fastmlp.training.source import GATHERED


def gather(source: Source) -> np.ndarray:
    """What the native gather reads: addresses and strides alone."""
    rows = np.full((source.n, source.width), np.nan)
    for part in source.parts:
        dtype = np.dtype(part.dtype_name)
        for i in range(source.n):
            for j in range(part.width):
                at = part.address + i * part.row_stride + j * part.stride
                value = np.frombuffer(ctypes.string_at(at, dtype.itemsize), dtype)[0]
                rows[i, part.column + j] = value
    return rows


def assert_describes(source: Source, x: np.ndarray) -> None:
    flat = np.asarray(x).reshape(len(x), -1)
    assert (source.n, source.row_shape, source.width) == (len(x), x.shape[1:], flat.shape[1])
    assert source.shape == x.shape
    columns = [c for part in source.parts for c in range(part.column, part.column + part.width)]
    assert columns == list(range(source.width))
    assert np.array_equal(gather(source), flat.astype(float))
    assert np.array_equal(source.block(0, source.n), flat)
    assert np.array_equal(np.concatenate([block for _, block in source.blocks()]), flat)


BASE = np.arange(7 * 4 * 6).reshape(7, 4, 6)
LAYOUTS = {
    "C order": (BASE, 1),
    "F order": (np.asfortranarray(BASE), 4),
    "flat": (BASE[:, 0, 0], 1),
    "one column": (BASE[:, 0, :1], 1),
    "matrix": (BASE[:, 0], 1),
    "F-ordered matrix": (np.asfortranarray(BASE[:, 0]), 1),
    "transposed matrix": (BASE[0].T, 1),
    "every other row": (BASE[::2], 1),
    "rows reversed": (BASE[::-1], 1),
    "columns reversed": (BASE[:, 0, ::-1], 1),
    "all reversed": (BASE[::-1, ::-1, ::-1], 1),
    "window": (BASE[:, 1:3, 2:5], 2),
    "every other column": (BASE[:, :, ::2], 1),
    "axes swapped": (BASE.transpose(0, 2, 1), 6),
    "rows from the last axis": (np.moveaxis(BASE, -1, 0), 1),
    "broadcast rows": (np.broadcast_to(np.arange(3), (5, 3)), 1),
    "broadcast columns": (np.broadcast_to(np.arange(5)[:, None], (5, 3)), 1),
    "one row": (BASE[:1], 1),
    "axes of size one": (BASE[:, None, :, None], 1),
    "four axes": (BASE.reshape(7, 2, 2, 6)[:, :, :, ::-1], 4),
}


@pytest.mark.parametrize(("x", "parts"), LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_is_described_without_a_copy(x, parts):
    source = as_source(x, "x")
    assert_describes(source, x)
    assert len(source.parts) == parts
    assert source.copied is None
    assert all(np.shares_memory(part.array, x) for part in source.parts)


@pytest.mark.parametrize("dtype", GATHERED)
def test_every_type_of_the_gather_is_read_where_it_lies(dtype):
    x = np.arange(12).reshape(4, 3).astype(dtype)
    source = as_source(x, "x")
    assert_describes(source, x)
    assert source.parts[0].dtype_name == dtype
    assert source.parts[0].address == x.ctypes.data


def test_the_types_are_those_of_the_kernel_list(root):
    text = (root / "csrc" / "kernels" / "kernels.def").read_text()
    names = re.findall(r"^GATHER\((\w+),", text, re.MULTILINE)
    assert tuple(names) == GATHERED


@pytest.mark.parametrize(
    ("dtype", "becomes"),
    [("float16", "float32"), ("longdouble", "float64"), (">f8", "float64"), (">f4", "float32"),
     (">i2", "int16"), (">f2", "float32")],
)  # fmt: skip
def test_types_that_the_gather_does_not_know_are_copied_and_say_so(dtype, becomes):
    x = np.arange(6).reshape(3, 2).astype(dtype)
    source = as_source(x, "x")
    assert_describes(source, x)
    assert source.parts[0].dtype_name == becomes
    assert source.copied == f"element type {x.dtype.str}"


def test_read_only_and_unaligned_arrays_are_read_where_they_lie():
    raw = np.zeros(1 + 8 * 6, np.uint8)
    x = raw[1:].view(np.float64).reshape(3, 2)
    x[...] = np.arange(6).reshape(3, 2)
    x.flags.writeable = False
    source = as_source(x, "x")
    assert_describes(source, x)
    assert source.parts[0].address == raw.ctypes.data + 1


def test_rows_in_too_many_pieces_are_copied_once_and_say_so():
    x = np.arange(3 * 300 * 2).reshape(2, 300, 3).transpose(2, 1, 0)
    source = as_source(x, "x")
    assert_describes(source, x)
    assert (len(source.parts), source.copied) == (1, "rows in more than 256 pieces")


def test_nested_lists_become_arrays():
    source = as_source([[1, 2.5], [3, 4]], "x")
    assert_describes(source, np.array([[1, 2.5], [3, 4]]))
    assert source.copied == "a list"
    assert as_source(((1, 2), (3, 4)), "x").copied == "a tuple"
    assert_describes(as_source([np.arange(3), np.arange(3)], "x"), np.array([[0, 1, 2]] * 2))


def test_a_source_passes_through():
    source = as_source([1, 2], "x")
    assert as_source(source, "y") is source


def test_an_object_with_array_is_taken():
    class Tensor:
        def __init__(self):
            self.values = np.arange(6.0).reshape(3, 2)

        def __array__(self, dtype=None, copy=None):
            return self.values

    tensor = Tensor()
    source = as_source(tensor, "x")
    assert np.shares_memory(source.parts[0].array, tensor.values)


def test_masked_arrays_are_taken_if_nothing_is_masked():
    x = np.ma.masked_array([[1.0, 2.0]], mask=[[False, False]])
    assert_describes(as_source(x, "x"), np.array([[1.0, 2.0]]))
    x[0, 1] = np.ma.masked
    with pytest.raises(ValueError, match=r"x: expected an array without masked elements.*filled"):
        as_source(x, "x")


def test_the_memory_outlives_the_users_variable():
    source = as_source(np.arange(6.0).reshape(3, 2) + 1, "x")
    assert gather(source).tolist() == [[1, 2], [3, 4], [5, 6]]


# Memory maps.


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["float64", "uint8"])
def test_a_memory_mapped_file_is_never_read_whole(order, dtype, tmp_path):
    x = np.memmap(tmp_path / "x", dtype, "w+", shape=(20_000, 100), order=order)
    tracemalloc.start()
    source = as_source(x, "x")
    part = source.slice(100, 20_000)
    assert find_nonfinite(source) is None
    class_weights(as_source(x[:, 0], "y"), {0: 2.0})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.shares_memory(part.parts[0].array, x)
    assert source.copied is None
    assert peak < 10e6 if dtype == "float64" else peak < 1e6
    del source, part, x


def test_a_memory_mapped_file_that_must_be_copied_warns(tmp_path):
    x = np.memmap(tmp_path / "x", "float16", "w+", shape=(3, 2))
    with pytest.warns(UserWarning, match="x: the memory-mapped file is copied into memory"):
        as_source(x, "x")


# pandas.


def test_a_frame_of_one_type_is_one_part():
    x = np.arange(15.0).reshape(5, 3)
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    source = as_source(frame, "x")
    assert_describes(source, x)
    assert len(source.parts) == 1
    assert source.copied is None
    assert np.shares_memory(source.parts[0].array, frame["b"].to_numpy())


def test_a_frame_of_several_types_is_cut_but_not_copied():
    frame = pd.DataFrame(
        {"a": [1.0, 2], "b": [3.0, 4], "i": [5, 6], "c": [7.0, 8], "t": [True, False]}
    )
    frame["f"] = np.float32([9, 10])
    source = as_source(frame, "x")
    assert_describes(source, np.array([[1, 3, 5, 7, 1, 9], [2, 4, 6, 8, 0, 10.0]]))
    assert [part.dtype_name for part in source.parts] == [
        "float64", "int64", "float64", "bool", "float32"
    ]  # fmt: skip
    assert source.copied is None
    for part, name in zip(source.parts, "aictf", strict=True):
        assert np.shares_memory(part.array, frame[name].to_numpy())


def test_frames_cut_from_others_are_described():
    x = np.arange(40).reshape(8, 5)
    frame = pd.DataFrame(x, columns=list("abcde"))
    assert_describes(as_source(frame.iloc[2:6], "x"), x[2:6])
    assert_describes(as_source(frame.drop(columns="c"), "x"), x[:, [0, 1, 3, 4]])
    assert_describes(as_source(frame[["d", "a", "e"]], "x"), x[:, [3, 0, 4]])
    assert_describes(as_source(frame[::-2], "x"), x[::-2])
    twice = frame[["a", "a"]]
    assert_describes(as_source(twice, "x"), x[:, [0, 0]])


def test_a_series_is_a_column_with_a_name():
    series = pd.Series([3, 1, 2], index=[9, 8, 7], name="age")
    source = as_source(series, "y")
    assert_describes(source, np.array([3, 1, 2]))
    assert column_name(source, 0) == "column 'age'"
    assert np.shares_memory(source.parts[0].array, series.to_numpy())


def test_nullable_columns_are_copied_alone_with_missing_values_as_nan():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": pd.array([3, None], "Int64")})
    source = as_source(frame, "x")
    assert np.array_equal(gather(source), [[1, 3], [2, np.nan]], equal_nan=True)
    assert source.copied == "column 'b' of element type Int64"
    assert np.shares_memory(source.parts[0].array, frame["a"].to_numpy())
    assert find_nonfinite(source) == (1, 1)


def test_columns_without_numbers_are_named():
    frame = pd.DataFrame({"age": [1, 2], "sex": ["m", "f"]})
    with pytest.raises(TypeError, match=r"x.*column 'sex'.*Hint: "):
        as_source(frame, "x")
    with pytest.raises(TypeError, match=r"column 'sex' with dtype=category.*get_dummies"):
        as_source(frame.astype({"sex": "category"}), "x")
    with pytest.raises(TypeError, match=r"x column 'sex': expected bool, integer or float"):
        as_source(frame.astype({"sex": object}), "x")


@pytest.mark.parametrize("shape", [(0, 2), (2, 0)])
def test_empty_frames_are_refused(shape):
    with pytest.raises(ValueError, match=rf"expected at least one.*shape={re.escape(str(shape))}"):
        as_source(pd.DataFrame(np.zeros(shape)), "x")


def test_pandas_and_scipy_are_not_imported():
    code = (
        "import sys; from fastmlp.training.data import as_source; as_source([[1.0]], 'x');"
        "print(sorted({'pandas', 'scipy'} & {name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# Refusals.


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (None, TypeError, "x: expected an array of numbers. Received: None. Hint: pass a NumPy"),
        ("abc", TypeError, "Received: <class 'str'>"),
        ({"a": [1]}, TypeError, "Received: <class 'dict'>"),
        (iter([1]), TypeError, "Hint: collect the numbers first: np.array(list(x))"),
        ({1, 2}, TypeError, "Hint: collect the numbers first"),
        (np.float64, TypeError, "Received: <class 'type'>"),
        (3.5, TypeError, "Received: <class 'float'>"),
        (np.array(3.5), ValueError, "expected at least one axis, the first counting the rows"),
        ([], ValueError, "expected at least one row. Received: shape=(0,)"),
        (np.zeros((0, 4)), ValueError, "expected at least one row. Received: shape=(0, 4)"),
        (np.zeros((4, 0)), ValueError, "expected at least one number in a row"),
        ([[1, 2], [3]], ValueError, "x: expected rows of one length. Received: a list of 2 rows"),
        ([np.zeros(2), np.zeros(3)], ValueError, "expected rows of one length"),
        (np.array([1j]), TypeError, "dtype=complex128. Hint: take .real, .imag or np.abs()"),
        (["m", "r"], TypeError, "dtype=<U1. Hint: number the labels: names, y = np.unique"),
        (np.array([b"m"]), TypeError, "Hint: number the labels"),
        (np.array(["2020-01-01"], "M8[D]"), TypeError, "Hint: convert the dates to numbers"),
        (np.array([3], "m8[s]"), TypeError, "Hint: convert the dates to numbers"),
        ([1, None], TypeError, "dtype=object, the first element is 1 (int). Hint: if all"),
        (np.array(["m", 1], object), TypeError, "first element is 'm' (str). Hint: number"),
        (np.array([[1], [1, 2]], object), TypeError, "Hint: stack rows of one length"),
        (np.zeros(2, "i4,f4"), TypeError, "Hint: stack its fields: np.column_stack"),
        (np.zeros(2, "V3"), TypeError, "dtype=|V3. Hint: convert it to numbers first"),
    ],
)  # fmt: skip
def test_what_is_no_table_of_numbers_is_refused(x, error, message):
    with pytest.raises(error, match=re.escape(message)) as caught:
        as_source(x, "x")
    assert str(caught.value).startswith("x: expected ")


# Rows, blocks, names.


def test_rows_can_be_cut_out_on_the_same_memory():
    x = np.asfortranarray(BASE)
    source = as_source(x, "x").slice(2, 6)
    assert_describes(source, x[2:6])
    assert source.slice(1, 2).n == 1


@pytest.mark.parametrize(("start", "stop"), [(-1, 2), (2, 2), (3, 2), (0, 8)])
def test_rows_outside_cannot_be_cut_out(start, stop):
    with pytest.raises(ValueError, match="x: expected rows within 0 and 7"):
        as_source(BASE, "x").slice(start, stop)


def test_blocks_are_small_and_complete():
    source = as_source(np.arange(1_000_000), "x")
    starts, blocks = zip(*source.blocks("float64"), strict=True)
    assert max(block.nbytes for block in blocks) <= 2 << 20
    assert starts == tuple(range(0, 1_000_000, 1 << 18))
    assert sum(map(len, blocks)) == 1_000_000
    assert blocks[0].dtype == np.float64


def test_a_block_of_one_part_is_a_view():
    x = np.arange(6.0).reshape(3, 2)
    assert np.shares_memory(as_source(x, "x").block(1, 3), x)


def test_columns_are_named_by_number_label_or_position():
    assert column_name(as_source(np.zeros((2, 5)), "x"), 3) == "column 3"
    assert column_name(as_source(np.zeros(2), "x"), 0) == "column 0"
    assert column_name(as_source(np.zeros((2, 28, 28)), "x"), 30) == "position (1, 2)"
    assert column_name(as_source(pd.DataFrame({"age": [1.0]}), "x"), 0) == "column 'age'"
    assert column_name(as_source(pd.Series([1.0]), "x"), 0) == "column 0"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_first_number_that_is_not_finite_is_found(bad):
    x = np.zeros((200_000, 3))
    source = as_source(x, "x")
    assert find_nonfinite(source) is None
    x[150_000, 1] = bad
    x[150_001, 0] = bad
    assert find_nonfinite(source) == (150_000, 1)


def test_numbers_too_large_for_float32_are_found():
    source = as_source([[1.0, 1e300]], "x")
    assert find_nonfinite(source) == (0, 1)
    assert find_nonfinite(source, "float64") is None
    assert find_nonfinite(as_source(np.array([2**64 - 1], np.uint64), "x")) is None


def test_a_warning_tells_where_the_first_such_number_is():
    frame = pd.DataFrame({"age": [1.0, 2.0], "fare": [3.0, None]})
    with pytest.warns(UserWarning, match=r"x: column 'fare' holds nan in row 1\. The loss may"):
        warn_not_finite(as_source(frame, "x"))
    with pytest.warns(UserWarning, match=r"x: column 0 holds 1e\+300, infinite in float32, in row"):
        warn_not_finite(as_source([[1e300]], "x"))
    warn_not_finite(as_source([[1e300]], "x"), "float64")


def test_the_warning_points_at_the_line_that_called_fit():
    model = fastmlp.Sequential([fastmlp.Input((2,)), fastmlp.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="holds nan") as caught:
        model.fit(np.full((4, 2), np.nan), np.ones(4), verbose=0)
    assert caught[0].filename == __file__


# Lengths and splits.


def test_lengths_that_differ_are_told():
    x, y, w = (as_source(np.zeros(n), name) for n, name in ((100, "x"), (99, "y"), (100, "w")))
    assert check_lengths({"x": x, "w": w}) == 100
    with pytest.raises(ValueError, match=r"Received: x has 100, y has 99, w has 100\. Hint"):
        check_lengths({"x": x, "y": y, "w": w})


@pytest.mark.parametrize("n", [2, 3, 7, 10, 99, 768])
@pytest.mark.parametrize(
    "share", [0.01, 0.1, 0.2, 0.25, 1 / 3, 0.5, 0.9, *map(np.float32, (0.1, 0.3))]
)
def test_the_split_is_keras_own(n, share):
    slicing = pytest.importorskip("keras.src.trainers.data_adapters.array_slicing")
    try:
        (train,), _ = slicing.train_validation_split((np.arange(n),), share)
    except ValueError:
        with pytest.raises(ValueError, match=f"leave samples for training.* of {n} samples"):
            split_rows(n, share)
        return
    assert split_rows(n, share) == len(train)


def test_no_split_leaves_all_rows_for_training():
    assert split_rows(5, 0.0) == split_rows(5, None) == 5


@pytest.mark.parametrize("share", [-0.1, 1.0, 20, float("nan"), "0.1", True])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(ValueError, match=r"fit: expected 0 <= validation_split < 1\. Received"):
        split_rows(10, share)
