"""Kernels of recurrent cells: native = NumPy twin, on every tier, at awkward sizes and places."""

from __future__ import annotations

import numpy as np
import pytest

from fastmlp._core import recurrent as native
from fastmlp._reference import recurrent as reference
from fastmlp.ops.recurrent import ACTIVATIONS
from tests.core.guards import guarded, read_only

UNITS = [1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31]  # around every tier's number of lanes
PAIRS = [("tanh", "sigmoid"), ("relu", "hard_sigmoid"), ("sigmoid", "tanh")]
# A few roundings, and the errors of the functions, on numbers of a few units.
TOLERANCE = {np.float32: {"rtol": 1e-5, "atol": 3e-6}, np.float64: {"rtol": 1e-12, "atol": 1e-13}}


def run(kernel, arrays, out, *functions):
    """The kernel's outputs, the first `out` of its arguments, after a look around them."""
    layout = native.LAYOUT[kernel].split()
    gaps = [0 if kind == "u1" else 3 for kind in layout]
    places = [guarded(a, gap) for a, gap in zip(arrays[:out], gaps[:out], strict=True)]
    read = [read_only(a, gap) for a, gap in zip(arrays[out:], gaps[out:], strict=True)]
    native.cell(kernel, [*(place.array for place in places), *read], *functions)
    for place in places:
        place.check()
    return [place.array for place in places]


def numbers(m, u, dtype):
    """What kernels read: states, gates and gradients, as matrices by name."""
    rng = np.random.default_rng(u)
    widths = {"s": 4, "x": 3, **dict.fromkeys(("h", "c", "before", "dh", "dc"), 1)}
    return {name: rng.normal(size=(m, w * u)).astype(dtype) for name, w in widths.items()}


def by_gate(a, u):
    return a.reshape(len(a), -1, u)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("functions", PAIRS)
def test_cells_are_their_formulas(tier, functions, dtype):
    def agree(found, expected):
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b.reshape(a.shape), **TOLERANCE[dtype])

    for u in UNITS:
        for m in (1, 3):
            v = numbers(m, u, dtype)
            h, c, s, before, dh, dc = (v[name] for name in ("h", "c", "s", "before", "dh", "dc"))
            gates = by_gate(s, u)
            agree(
                run("lstm_fwd", [h, c, s, before], 3, *functions),
                reference.lstm_step(gates, before, *functions),
            )
            agree(
                run("lstm_bwd", [s, dc, dh, s, c, before], 2, *functions),
                reference.lstm_step_bwd(dh, dc, gates, c, before, *functions),
            )
            agree(
                run("gru_fwd", [h, s, v["x"], before], 2, *functions),
                reference.gru_step(by_gate(v["x"], u), gates[:, 1:], before, *functions),
            )
            agree(
                run("gru_bwd", [v["x"], v["x"], dh, s, before], 3, *functions),
                reference.gru_step_bwd(dh, gates, before, *functions),
            )


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_is_that_of_the_layers(tier, name):
    """By the switch within a kernel, and compiled apart: the same bits as the activation's own kernel."""
    from fastmlp._core import activations

    a = np.linspace(-8, 8, 37, dtype=np.float32)[None]
    one, zero = np.ones_like(a), np.zeros_like(a)
    s = np.hstack([zero, zero, a, one])
    h, c, gates = np.empty_like(a), np.empty_like(a), s.copy()
    native.cell("lstm_fwd", [h, c, gates, zero], name, "sigmoid")
    assert np.array_equal(gates[0, 74:111], activations.forward(name, a[0]))
    dy = np.full_like(a, 1.5)
    dx, saved = np.empty_like(s), np.hstack([one, one, gates[:, 74:111], one])
    native.cell("lstm_bwd", [dx, dy, zero, saved, one, zero], name, "sigmoid")
    assert np.array_equal(dx[0, 74:111], activations.backward(name, dy[0], saved[0, 74:111]))


def test_gradients_may_replace_gates(tier):
    v = numbers(3, 13, np.float32)
    s, dx = v["s"].copy(), np.empty_like(v["s"])
    rest = [v[name] for name in ("c", "before")]
    for to in (dx, s):
        native.cell("lstm_bwd", [to, v["dc"].copy(), v["dh"], s, *rest], "tanh", "sigmoid")
    assert np.array_equal(dx, s)


def test_arrays_that_do_not_fit_raise():
    h = np.zeros((2, 3), np.float32)
    for s in (np.zeros((2, 11), np.float32), np.zeros((2, 12)), np.zeros((3, 12), np.float32)):
        with pytest.raises(ValueError, match=r"lstm_fwd: expected \(2, 12\) float32"):
            native.cell("lstm_fwd", [h, h.copy(), s, h.copy()], "tanh", "sigmoid")
