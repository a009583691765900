"""Times every kernel of csrc/kernels/kernels.def against BLAS, where it has such a function, and NumPy.

    pytest bench --benchmark-only                          # FASTMLP_ISA=scalar for a lower tier
    pytest bench --benchmark-only -k gemm --benchmark-json=gemm.json

Each contestant's result is compared with NumPy's first. All work on float32, the native kernel of the
tier in use. Names come from kernels.def: one without a contest ends the collection with an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from threadpoolctl import threadpool_limits

from bench.hyper import hyper_of
from fastmlp._core import _native, activations, blas, maps, optimizers, recurrent
from fastmlp._reference import activations as reference
from fastmlp._reference import dropout as reference_dropout
from fastmlp._reference import recurrent as reference_recurrent
from fastmlp._reference import updates as reference_updates
from fastmlp._reference.maps import function

Array = np.ndarray[Any, np.dtype[Any]]
# Who -> one run, which returns what must agree. "numpy" is the reference.
Contest = dict[str, Callable[[], Any]]

# A call from Python costs some microseconds, in a plan none: tiny sizes are timed by `python -m bench`.
VECTORS = (16384, 262144)  # 64 KiB and 1 MiB
MATRICES = ((1024, 10), (128, 512))  # rows, columns
ROWS = ((128, 784), (4096, 54))  # of user data
PRODUCTS = ((32, 128, 128), (256, 64, 64), (128, 128, 784), (128, 512, 512))  # m, n, k
PARAMS = {"relu_general": (0.1, 6.0, 0.5), "leaky_relu": (0.2,), "elu": (1.0,)}
WITH_ROUNDED_SUMS = {"gemm", "colsum", "rowsum", "sumsq", "sumabs"}


def random(*shape: int) -> Array:
    """Standard normal float32."""
    return np.random.default_rng(shape).standard_normal(shape, np.float32)


def gemm(m: int, n: int, k: int) -> Contest:
    """y = relu(x · w + bias), as a dense layer's forward step."""
    x, w, bias, y = random(m, k), random(k, n), random(n), np.empty((m, n), np.float32)

    def native() -> Array:
        _native.gemm(y, x, w, bias, relu=True)
        return y

    def on_blas() -> Array:
        blas.matmul(x, w, y)
        return np.maximum(np.add(y, bias, out=y), 0, out=y)

    def numpy() -> Array:
        np.matmul(x, w, out=y)
        return np.maximum(np.add(y, bias, out=y), 0, out=y)

    return {"native": native, "blas": on_blas, "numpy": numpy}


def gemm_dw(m: int, n: int, k: int) -> Contest:
    """dw = xᵀ · dy, as its backward step."""
    x, dy, dw = random(m, k), random(m, n), np.empty((k, n), np.float32)

    def native() -> Array:
        _native.gemm(dw, x.T, dy)
        return dw

    def on_blas() -> Array:
        blas.matmul(x, dy, dw, ta=True)
        return dw

    return {"native": native, "blas": on_blas, "numpy": lambda: np.matmul(x.T, dy, out=dw)}


def transpose(m: int, n: int) -> Contest:
    a, b = random(m, n), np.empty((n, m), np.float32)

    def native() -> Array:
        _native.transpose(b, a)
        return b

    def numpy() -> Array:
        b[:] = a.T
        return b

    return {"native": native, "numpy": numpy}


def panel_width() -> int:
    """Columns of a panel on the tier in use: where the second row's first element lies."""
    a = np.arange(2 * 96, dtype=np.float32).reshape(2, 96)
    panels = np.zeros(_native.panels_size(2, 96), np.float32)
    _native.pack(panels, a)
    return int(np.flatnonzero(panels == 96)[0])


def unpack(m: int, n: int) -> Contest:
    """A matrix from its panels."""
    a, width = random(m, n), panel_width()
    panels = np.zeros(_native.panels_size(m, n), np.float32)
    _native.pack(panels, a)
    b, want = np.empty((2, m, n), np.float32)

    def native() -> Array:
        _native.unpack(b, panels)
        return b

    def numpy() -> Array:
        for j in range(0, n, width):
            part = want[:, j : j + width]
            part[:] = panels[j * (m | 1) :][: m * width].reshape(m, width)[:, : part.shape[1]]
        return want

    return {"native": native, "numpy": numpy}


def pack(transposed: bool) -> Callable[[int, int], Contest]:
    """Copies into panels, of a matrix or of its transpose."""

    def build(m: int, n: int) -> Contest:
        a, width = random(m, n), panel_width()
        source = a.T if transposed else a
        k, columns = source.shape
        b, want = np.zeros((2, _native.panels_size(k, columns)), np.float32)

        def native() -> Array:
            _native.pack(b, a, transposed)
            return b

        def numpy() -> Array:
            for j in range(0, columns, width):
                part = source[:, j : j + width]
                to = want[j * (k | 1) :][: k * width].reshape(k, width)
                to[:, : part.shape[1]] = part
            return want

        return {"native": native, "numpy": numpy}

    return build


def colsum(m: int, n: int) -> Contest:
    x, g, ones = random(m, n), np.empty(n, np.float32), np.ones(m, np.float32)

    def native() -> Array:
        _native.colsum(g, x)
        return g

    def on_blas() -> Array:
        blas.matvec(x, ones, g, ta=True)
        return g

    return {"native": native, "blas": on_blas, "numpy": lambda: np.sum(x, axis=0, out=g)}


def rowsum(m: int, n: int) -> Contest:
    x, y = random(m, n), np.empty(m, np.float32)

    def native() -> Array:
        _native.rowsum(y, x)
        return y

    return {"native": native, "numpy": lambda: np.sum(x, axis=1, out=y)}


def element_wise(name: str) -> Callable[..., Contest]:
    """`map_<name>`, on numbers in its domain."""

    def build(n: int) -> Contest:
        operands = [0.1 + 0.8 * np.random.default_rng(i).random(n) for i in range(maps.MAPS[name])]
        if name.startswith("arccosh"):
            operands = [x + 1 for x in operands]
        single, y = [x.astype(np.float32) for x in operands], np.empty(n, np.float32)
        run = function(name)
        return {
            "native": lambda: maps.apply(name, single, y),
            "numpy": lambda: np.asarray(run(*single)) * np.float32(1),
        }

    return build


def add(n: int) -> Contest:
    a, b, y = random(n), random(2, n)[1], np.empty(n, np.float32)

    def native() -> Array:
        _native.add(y, a, b)
        return y

    return {"native": native, "numpy": lambda: np.add(a, b, out=y)}


def affine(n: int) -> Contest:
    x, y = random(n), np.empty(n, np.float32)

    def native() -> Array:
        _native.affine(y, x, 0.5, 2.0)
        return y

    def numpy() -> Array:
        np.multiply(x, 0.5, out=y)
        return np.add(y, 2.0, out=y)

    return {"native": native, "numpy": numpy}


def penalty(n: int) -> Contest:
    w, g = random(n), np.zeros(n, np.float32)

    def native() -> Array:
        g[:] = 0
        _native.penalty(g, w, 0.01, 0.02)
        return g

    def numpy() -> Array:
        g[:] = 0
        return np.add(g, 0.01 * np.sign(w) + 0.04 * w, out=g)

    return {"native": native, "numpy": numpy}


def clip(n: int) -> Contest:
    x, g = random(n), np.empty(n, np.float32)

    def native() -> Array:
        g[:] = x
        _native.clip(g, 0.5)
        return g

    def numpy() -> Array:
        g[:] = x
        return np.clip(g, -0.5, 0.5, out=g)

    return {"native": native, "numpy": numpy}


def sumsq(n: int) -> Contest:
    x = random(n)
    return {"native": lambda: _native.sumsq(x), "numpy": lambda: np.vdot(x, x)}


def sumabs(n: int) -> Contest:
    x = random(n)
    return {"native": lambda: _native.sumabs(x), "numpy": lambda: np.abs(x).sum()}


def activation(name: str, backward: bool) -> Callable[..., Contest]:
    """`<name>_fwd` or `<name>_bwd`; rows for softmax, else elements."""

    def build(*shape: int) -> Contest:
        x, dy, params = random(*shape), random(2, *shape)[1], PARAMS.get(name, ())
        if not backward:
            return {
                "native": lambda: activations.forward(name, x, params),
                "numpy": lambda: reference.forward(name, x, params),
            }
        saves_y = name in ("softmax", "log_softmax") or _native.ACTIVATIONS[name] == "y"
        saved = activations.forward(name, x, params) if saves_y else x
        return {
            "native": lambda: activations.backward(name, dy, saved, params),
            "numpy": lambda: reference.backward(name, dy, saved, params),
        }

    return build


def dropout_fwd(n: int) -> Contest:
    x = random(n)

    def numpy() -> Array:
        keep: Array = reference_dropout.keep(n, 0.2, 7, 1, 0)
        return np.multiply(x, keep, dtype=np.float32) / np.float32(0.8)

    return {"native": lambda: activations.dropout(x, 0.2, 7, 1, 0)[0], "numpy": numpy}


def dropout_bwd(n: int) -> Contest:
    dy = random(n)
    mask = activations.dropout(dy, 0.2, 7, 1, 0)[1]
    return {
        "native": lambda: activations.dropout_backward(dy, mask, 0.2),
        "numpy": lambda: dy * mask * np.float32(1 / 0.8),
    }


def philox(n: int) -> Contest:
    return {
        "native": lambda: _native.philox(n // 4, 0, 7, 1, 0),
        "numpy": lambda: reference_dropout.philox(np.arange(n // 4), 7, 1, 0),
    }


def binary_xent(n: int) -> Contest:
    p = np.random.default_rng(n).random(n, np.float32)
    t, loss = (random(n) > 0).astype(np.float32), np.empty(n, np.float32)

    def native() -> Array:
        _native.binary_xent(loss, t, p, 1e-7, 1 - 1e-7)
        return loss

    def numpy() -> Array:
        q = np.clip(p, np.float32(1e-7), np.float32(1 - 1e-7))
        return -np.log(np.where(t == 1, q, 1 - q))

    return {"native": native, "numpy": numpy}


def update(kind: str) -> Callable[[int], Contest]:
    """One optimizer's update; each run starts from the same weights and state."""

    def build(n: int) -> Contest:
        w, g = random(n), random(2, n)[1]
        start = [np.full(n, 0.1, np.float32) for _ in range(_native.UPDATES[kind])]
        own, state = w.copy(), [slot.copy() for slot in start]

        def native() -> Array:
            own[:] = w
            for slot, value in zip(state, start, strict=True):
                slot[:] = value
            optimizers.update(kind, own, g, state, hyper_of(kind), 3)
            return own

        return {
            "native": native,
            "numpy": lambda: reference_updates.update(kind, w, g, start, hyper_of(kind), 3)[0],
        }

    return build


def gather(dtype: str) -> Callable[[int, int], Contest]:
    """Rows in a shuffled order, converted to float32."""

    def build(m: int, n: int) -> Contest:
        source = (np.random.default_rng(1).random((10 * m, n)) * 2).astype(dtype)
        rows, x = np.random.default_rng(2).permutation(10 * m)[:m], np.empty((m, n), np.float32)

        def native() -> Array:
            _native.gather(x, source, rows)
            return x

        return {"native": native, "numpy": lambda: source[rows].astype(np.float32)}

    return build


def cell(kernel: str) -> Callable[[int, int], Contest]:
    """What lies between two products of a recurrent cell, of m samples and u units; one output."""

    def build(m: int, u: int) -> Contest:
        s, x, i2 = random(m, 4 * u), random(m, 3 * u), random(m, u)
        h, c, before, dh = random(4, m, u)
        gates, inputs, by_h = (a.reshape(m, -1, u) for a in (s, x, s[:, u:].copy()))
        out: Array = np.empty_like(h)
        zero, usual = np.zeros((m, u), np.float32), ("tanh", "sigmoid")
        to_s, to_x, other = np.empty_like(s), np.empty_like(x), np.empty_like(x)

        def native() -> Array:
            to_s[:] = s
            if kernel == "lstm_fwd":
                recurrent.cell(kernel, [out, i2, to_s, before], *usual)
                return out
            if kernel == "gru_fwd":
                recurrent.cell(kernel, [out, to_s, x, before], *usual)
                return out
            if kernel == "lstm_bwd":
                i2[:] = 0
                recurrent.cell(kernel, [to_s, i2, dh, s, c, before], *usual)
                return to_s
            out[:] = dh
            recurrent.cell(kernel, [to_x, other, out, s, before], *usual)
            return other

        def numpy() -> Array:
            made: Array
            if kernel == "lstm_fwd":
                made = reference_recurrent.lstm_step(gates, before, *usual)[0]
            elif kernel == "gru_fwd":
                made = reference_recurrent.gru_step(inputs, by_h, before, *usual)[0]
            elif kernel == "lstm_bwd":
                made = reference_recurrent.lstm_step_bwd(dh, zero, gates, c, before, *usual)[0]
            else:
                made = reference_recurrent.gru_step_bwd(dh, gates, before, *usual)[1]
            return made.reshape(m, -1)

        return {"native": native, "numpy": numpy}

    return build


def listed() -> list[str]:
    """Every kernel of kernels.def."""
    text = (Path(__file__).parents[1] / "csrc" / "kernels" / "kernels.def").read_text()
    names = re.findall(r"^K\(\w+, (\w+),", text, re.MULTILINE)
    acts = re.findall(r"^ACT\((\w+),", text, re.MULTILINE)
    names += [f"{name}_{way}" for name in acts for way in ("fwd", "bwd")]
    names += [f"map_{name}" for name in re.findall(r"^MAP\((\w+),", text, re.MULTILINE)]
    names += [f"update_{name}" for name in re.findall(r"^UPDATE\((\w+),", text, re.MULTILINE)]
    names += [f"gather_{name}" for name in re.findall(r"^GATHER\((\w+),", text, re.MULTILINE)]
    return names


# Kernel -> who builds its contest, and the sizes.
CONTESTS: dict[str, tuple[Callable[..., Contest], tuple[tuple[int, ...], ...]]] = {
    "gemm": (gemm, PRODUCTS),
    "gemm_dw": (gemm_dw, PRODUCTS),
    "transpose": (transpose, MATRICES),
    "pack_rows": (pack(False), MATRICES),
    "pack_columns": (pack(True), MATRICES),
    "unpack_rows": (unpack, MATRICES),
    "colsum": (colsum, MATRICES),
    "rowsum": (rowsum, MATRICES),
    **{
        build.__name__: (build, tuple((n,) for n in VECTORS))
        for build in (
            add,
            affine,
            penalty,
            clip,
            sumsq,
            sumabs,
            dropout_fwd,
            dropout_bwd,
            philox,
            binary_xent,
        )
    },
    **{name: (cell(name), ((32, 64), (32, 300))) for name in recurrent.LAYOUT},
    **{
        f"{name}_{way}": (activation(name, way == "bwd"), MATRICES)
        for name in ("softmax", "log_softmax")
        for way in ("fwd", "bwd")
    },
    **{
        f"{name}_{way}": (activation(name, way == "bwd"), tuple((n,) for n in VECTORS))
        for name in _native.ACTIVATIONS
        for way in ("fwd", "bwd")
    },
    **{f"map_{name}": (element_wise(name), tuple((n,) for n in VECTORS)) for name in maps.MAPS},
    **{f"update_{name}": (update(name), tuple((n,) for n in VECTORS)) for name in _native.UPDATES},
    **{f"gather_{name}": (gather(name), ROWS) for name in _native.GATHERS},
}
assert set(listed()) <= set(CONTESTS), set(listed()) - set(CONTESTS)


def contestants() -> list[Any]:
    """Kernel, size, who."""
    return [
        pytest.param(kernel, size, who, id=f"{kernel}-{'x'.join(map(str, size))}-{who}")
        for kernel, (_, sizes) in CONTESTS.items()
        for size in sizes
        for who in ("native", "blas", "numpy")
        if who != "blas" or kernel in ("gemm", "gemm_dw", "colsum")
    ]


def check(kernel: str, size: tuple[int, ...]) -> Contest:
    """The contest, once all contestants are found to agree with NumPy."""
    contest = CONTESTS[kernel][0](*size)
    expected = np.array(contest["numpy"]())
    # One rounding differs, or sums of many terms in another order.
    terms = max(size) if kernel.removesuffix("_dw") in WITH_ROUNDED_SUMS else 1
    close = 1e-6 * terms**0.5 * (1 + np.abs(expected).max())
    for who, run in contest.items():
        np.testing.assert_allclose(run(), expected, rtol=2e-5, atol=close, err_msg=who)
    return contest


@pytest.mark.benchmark(max_time=0.1, min_rounds=10, warmup=True)
@pytest.mark.parametrize(("kernel", "size", "who"), contestants())
def test_kernel(benchmark: BenchmarkFixture, kernel: str, size: tuple[int, ...], who: str) -> None:
    contest = check(kernel, size)
    benchmark.group = f"{kernel} {'x'.join(map(str, size))}"
    benchmark.extra_info.update(tier=_native.tier(), numpy=np.__version__, blas=blas.info()["name"])
    with threadpool_limits(1):  # one core each: SciPy's BLAS and NumPy's
        benchmark(contest[who])
