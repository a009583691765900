"""Training needs memory for the network and one batch, whatever the size and type of the data."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import fastmlp
from fastmlp import Input, Sequential, layers, utils

_MEASURE = """
import sys
import numpy as np
import fastmlp
from fastmlp import Input, Sequential, layers

def status(name):
    with open('/proc/self/status') as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))

def model():
    return Sequential([Input((16,)), layers.Dense(64, activation='relu'), layers.Dense(4)])

fastmlp.config.set_num_threads(2)
folder, batch = sys.argv[1], 512
x = np.load(folder + '/x.npy', mmap_mode='r')
y = np.load(folder + '/y.npy', mmap_mode='r')
w = np.load(folder + '/w.npy', mmap_mode='r')
for array in (x, y, w):
    assert array.max() > 0  # every page of the files is in memory before we look
arguments = dict(loss='sparse_categorical_crossentropy', metrics=['accuracy'])
small = model()  # what a first fit brings in for good is not what a fit needs
small.compile('adam', **arguments)
small.fit(x[:1000], y[:1000], sample_weight=w[:1000], verbose=0)
large = model()
large.compile('adam', **arguments)
before = status('VmRSS')
with open('/proc/self/clear_refs', 'w') as file:
    file.write('5')  # the peak counts from here
large.fit(x, y, sample_weight=w, batch_size=batch, epochs=1, verbose=0,
          validation_data=(x[:5000], y[:5000]))
parameters, activations = large.count_params(), batch * (16 + 64 + 4)
bound = 4 * (4 * parameters + 3 * activations) + 8 * 2**20
print(status('VmHWM') - before, bound, x.nbytes + y.nbytes + w.nbytes)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads peaks from /proc")
def test_a_fit_needs_no_memory_that_grows_with_the_data(tmp_path: Path):
    rng = np.random.default_rng(0)
    n = 2_000_000
    np.save(tmp_path / "x.npy", rng.integers(0, 255, (n, 16), dtype=np.uint8))
    np.save(tmp_path / "y.npy", rng.integers(0, 4, n))
    np.save(tmp_path / "w.npy", rng.uniform(0.5, 1.5, n))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(_MEASURE), str(tmp_path)],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    peak, bound, data = map(int, done.stdout.split())
    assert data > 4 * bound
    assert peak <= bound


_SMALL_MODELS = """
import numpy as np
from fastmlp import Input, Model, Sequential, layers

x = np.random.default_rng(0).normal(size=(64, 8)).astype('float32')
y = (x[:, :1] > 0).astype('float32')

def functional():
    entry = Input((8,))
    return Model(entry, layers.Dense(1, activation='sigmoid')(layers.Dense(12)(entry)))

def sequential():
    return Sequential([Input((8,)), layers.Dense(12), layers.Dense(1, activation='sigmoid')])

def resident():
    with open('/proc/self/status') as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith('VmRSS'))

def use(n):
    for number in range(n):
        model = functional() if number % 2 else sequential()
        model.compile('adam', 'binary_crossentropy', metrics=['accuracy'])
        model.fit(x, y, verbose=0)
        model.train_on_batch(x, y)
        model.predict(x[:1], verbose=0)

use(100)
before = resident()
use(200)
print(resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads its memory from /proc")
def test_hundreds_of_small_models_leave_nothing_behind():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _SMALL_MODELS],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 200 * 20_000  # a model that is kept takes 100,000 bytes


LARGE = 2**18 + 77


def fitted(threads: int, epochs: int = 1, batch_hook: bool = False) -> list[np.ndarray]:
    utils.set_random_seed(3)
    x = np.arange(LARGE, dtype=np.float64)[:, None] / LARGE
    model = Sequential([Input((1,)), layers.Dense(3, activation="tanh"), layers.Dense(1)])
    model.compile("sgd", "mse")
    hooks = []
    if batch_hook:
        hooks = [fastmlp.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)]
    before = fastmlp.config.num_threads()
    fastmlp.config.set_num_threads(threads)
    try:
        model.fit(x, x**2, batch_size=1000, epochs=epochs, verbose=0, callbacks=hooks)
    finally:
        fastmlp.config.set_num_threads(before)
    return model.get_weights()


def test_a_large_shuffle_gives_the_same_bits_for_any_threads_and_cuts():
    first = fitted(1)
    for other in (fitted(3), fitted(2, batch_hook=True)):
        for a, b in zip(first, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_large_epoch_visits_every_sample_once_in_an_order_of_its_own():
    """A weight that moves by the sample it sees: w -= 2 (w - x), with tiny steps the sum of x."""
    x = np.arange(LARGE, dtype=np.float64)[:, None]
    model = Sequential(
        [Input((1,)), layers.Dense(1, use_bias=False, dtype="float64", kernel_initializer="zeros")]
    )

    class Sum(fastmlp.callbacks.Callback):
        """The mean target of each batch, from the loss of a model that predicts 0."""

        def on_train_begin(self, logs=None):
            self.epochs = []

        def on_epoch_begin(self, epoch, logs=None):
            self.epochs.append([])

        def on_train_batch_end(self, batch, logs=None):
            self.epochs[-1].append(logs["loss"] * (batch + 1))

    model.compile(fastmlp.optimizers.SGD(0.0), "mae")
    sums = Sum()
    model.fit(x, x, batch_size=LARGE // 128, epochs=2, verbose=0, callbacks=[sums])
    means = []
    for running in sums.epochs:
        batches = np.diff([0.0, *running[:128]])  # the last step is smaller
        assert np.std(batches) > 0
        np.testing.assert_allclose(running[-1] / len(running), (LARGE - 1) / 2, rtol=1e-9)
        # A mean of 2048 of 0 … n-1 drawn at random deviates by n / sqrt(12 · 2048).
        deviation = (batches - LARGE / 2) / (LARGE / np.sqrt(12 * (LARGE // 128)))
        assert 0.7 < np.std(deviation) < 1.4
        means.append(batches)
    assert abs(np.corrcoef(means)[0, 1]) < 0.4
