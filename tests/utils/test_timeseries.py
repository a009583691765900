"""Windows over a series: which steps and targets they have, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from fastmlp import Input, Sequential, layers
from fastmlp.utils import timeseries_dataset_from_array


def test_the_example_of_keras():
    """Windows of 10 steps, every second step, from every third step of 0 to 98."""
    (windows,) = timeseries_dataset_from_array(
        np.arange(99), None, 10, sequence_stride=3, sampling_rate=2
    )
    assert windows[0].tolist() == list(range(0, 20, 2))
    assert windows[1].tolist() == list(range(3, 23, 2))
    assert windows[-1].tolist() == list(range(78, 98, 2))


def test_targets_belong_to_the_start_of_a_window_and_batches_to_one_another():
    series = np.arange(20.0)[:, None]
    batches = list(timeseries_dataset_from_array(series, series[:, 0] + 100, 4, batch_size=5))
    assert [len(x) for x, _ in batches] == [5, 5, 5, 2]
    for x, y in batches:
        assert x.shape[1:] == (4, 1) and (x[:, 0, 0] + 100 == y).all()


def test_a_part_of_the_series():
    ((x, y),) = timeseries_dataset_from_array(
        np.arange(20), np.arange(20), 3, start_index=5, end_index=10
    )
    assert x.tolist() == [[5, 6, 7], [6, 7, 8], [7, 8, 9]] and y.tolist() == [5, 6, 7]


def test_a_random_order_has_every_window_once():
    orders = [
        [
            x[0]
            for x in timeseries_dataset_from_array(np.arange(50), None, 2, shuffle=True, seed=s)[0]
        ]
        for s in (1, 1, 2)
    ]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == list(range(49))


def test_fit_takes_the_batches_in_order_and_windows_are_shuffled_anew_each_epoch():
    class Seen(Sequential):
        def train_step(self, data):
            seen.extend(data[0][:, 0].tolist())
            return super().train_step(data)

    def epochs(**options):
        seen.clear()
        series = np.arange(20.0)
        batches = timeseries_dataset_from_array(series, series, 3, batch_size=6, **options)
        model = Seen([Input((3,)), layers.Dense(1)])
        model.compile("sgd", "mse")
        model.fit(batches, epochs=2, verbose=0)
        return seen[:18], seen[18:]

    seen: list[float] = []
    assert epochs() == (list(range(18)), list(range(18)))
    first, second = epochs(shuffle=True, seed=3)
    assert first != second and sorted(first) == sorted(second) == list(range(18))
    assert epochs(shuffle=True, seed=3) == (first, second)


def test_without_a_batch_size_windows_come_one_by_one():
    series = np.arange(6)
    windows = list(timeseries_dataset_from_array(series, series * 10, 4, batch_size=None))
    assert [(x.tolist(), int(y)) for x, y in windows] == [
        ([0, 1, 2, 3], 0), ([1, 2, 3, 4], 10), ([2, 3, 4, 5], 20),
    ]  # fmt: skip


def test_a_model_learns_from_it():
    series = np.sin(np.arange(200) / 5)
    batches = timeseries_dataset_from_array(series[:-4], series[4:, None], 4)
    model = Sequential([Input((4,)), layers.Dense(1)])
    model.compile("adam", "mse")
    losses = model.fit(batches, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"sequence_length": 0}, "sequence_length"),
        ({"sequence_length": 11}, "at least one window of 11 steps in 10"),
        ({"sequence_stride": 10}, "sequence_stride"),
        ({"sampling_rate": 0}, "sampling_rate"),
        ({"batch_size": 0}, "batch_size"),
        ({"start_index": 10}, "start_index"),
        ({"start_index": 5, "end_index": 5}, "end_index"),
        ({"end_index": 11}, "end_index"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        timeseries_dataset_from_array(np.arange(10), None, **{"sequence_length": 2, **arguments})


def test_format_is_that_of_keras():
    first = timeseries_dataset_from_array(np.arange(9), None, 3, format="tf")
    assert len(first[0]) == 7
    with pytest.raises(ValueError, match="format='tf' or 'grain'"):
        timeseries_dataset_from_array(np.arange(9), None, 3, format="numpy")
