"""SciPy's BLAS through row-major wrappers, against NumPy."""

import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

from fastmlp._core import blas, blas_library

DTYPES = (np.float32, np.float64)
SIZES = (0, 1, 2, 7, 8, 9, 33, 64)


def tolerance(dtype: type, k: int) -> float:
    """Sums of k products of numbers below 1 in size, in two different orders."""
    return 4 * max(k, 1) * float(np.finfo(dtype).eps)


def random(shape, dtype, seed=0):
    return np.random.default_rng([seed, *shape]).uniform(-1, 1, shape).astype(dtype)


def rows_apart(x):
    """The same matrix with its rows three elements further apart than they need be."""
    wide = np.full((x.shape[0], x.shape[1] + 3), np.nan, x.dtype)
    wide[:, : x.shape[1]] = x
    return wide[:, : x.shape[1]]


def run_script(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ta", [False, True])
@pytest.mark.parametrize("tb", [False, True])
def test_matmul_equals_numpy_for_all_sizes_and_transposes(dtype, ta, tb):
    for m in SIZES:
        for n in SIZES:
            for k in SIZES:
                a = random((k, m) if ta else (m, k), dtype, 1)
                b = random((n, k) if tb else (k, n), dtype, 2)
                y = blas.matmul(a, b, ta=ta, tb=tb)
                assert y.dtype == dtype
                expected = (a.T if ta else a) @ (b.T if tb else b)
                np.testing.assert_allclose(y, expected, rtol=0, atol=tolerance(dtype, k))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ta", [False, True])
@pytest.mark.parametrize("tb", [False, True])
@pytest.mark.parametrize("size", [(5, 6, 7), (1, 6, 7), (5, 1, 7), (5, 6, 1), (5, 6, 0)])
def test_matmul_scales_adds_and_keeps_to_its_rows(dtype, ta, tb, size):
    m, n, k = size
    a = rows_apart(random((k, m) if ta else (m, k), dtype, 1))
    b = rows_apart(random((n, k) if tb else (k, n), dtype, 2))
    c = random((m, n), dtype, 3)
    product = (a.T if ta else a) @ (b.T if tb else b)
    out = rows_apart(c)
    wide = out.base
    assert blas.matmul(a, b, out, ta, tb, alpha=-0.5, beta=2.0) is out
    np.testing.assert_allclose(out, 2 * c - 0.5 * product, rtol=0, atol=tolerance(dtype, k + 2))
    assert np.isnan(wide[:, n:]).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [(5, 6, 7), (1, 6, 7), (5, 1, 7), (5, 6, 1), (5, 6, 0), (1, 1, 1)])
def test_beta_zero_overwrites_nan(dtype, size):
    m, n, k = size
    a, b = random((m, k), dtype), random((k, n), dtype)
    out = np.full((m, n), np.nan, dtype)
    np.testing.assert_allclose(
        blas.matmul(a, b, out), a @ b, rtol=0, atol=tolerance(dtype, k), equal_nan=False
    )
    for ta in (False, True):
        rows, columns = (k, m) if ta else (m, k)
        y = np.full(rows, np.nan, dtype)
        blas.matvec(a, np.ones(columns, dtype), y, ta)
        expected = a.sum(0 if ta else 1)
        np.testing.assert_allclose(
            y, expected, rtol=0, atol=tolerance(dtype, columns), equal_nan=False
        )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ta", [False, True])
@pytest.mark.parametrize("tb", [False, True])
@pytest.mark.parametrize("block", [1, 3, 7, 8])
def test_sizes_beyond_one_call_are_split(dtype, ta, tb, block):
    m, n, k = 7, 5, 8
    a = random((k, m) if ta else (m, k), dtype, 1)
    b = random((n, k) if tb else (k, n), dtype, 2)
    c = random((m, n), dtype, 3)
    expected = (a.T if ta else a) @ (b.T if tb else b) + 2 * c
    y = blas.matmul(a, b, c.copy(), ta, tb, beta=2.0, block=block)
    np.testing.assert_allclose(y, expected, rtol=0, atol=tolerance(dtype, k + 2))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ta", [False, True])
@pytest.mark.parametrize("block", [1, 3, 1 << 30])
def test_matvec_equals_numpy(dtype, ta, block):
    for m in SIZES:
        for n in SIZES:
            a = rows_apart(random((m, n), dtype, 1))
            rows, columns = (n, m) if ta else (m, n)
            x, c = random((2 * columns,), dtype, 2)[::2], random((rows,), dtype, 3)
            atol = tolerance(dtype, columns + 2)
            product = (a.T if ta else a) @ x
            y = blas.matvec(a, x, ta=ta, block=block)
            np.testing.assert_allclose(y, product, rtol=0, atol=atol)
            y = np.repeat(c, 3)[::3]
            blas.matvec(a, x, y, ta, -0.5, 2.0, block)
            np.testing.assert_allclose(y, 2 * c - 0.5 * product, rtol=0, atol=atol)


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_layout_of_inputs_is_accepted(dtype):
    a, b = random((6, 7), dtype, 1), random((7, 5), dtype, 2)
    unaligned = np.frombuffer(b"x" + a.tobytes(), np.int8)[1:].view(dtype).reshape(a.shape)
    one_row = np.broadcast_to(a[:1], (4, 7))
    read_only = a.copy()
    read_only.setflags(write=False)
    for x in (np.asfortranarray(a), a[::-1], a[:, ::-1], a[::2], unaligned, one_row, read_only):
        np.testing.assert_allclose(blas.matmul(x, b), x @ b, rtol=0, atol=tolerance(dtype, 7))
        y = blas.matvec(x, b[::-1, 0])
        np.testing.assert_allclose(y, x @ b[::-1, 0], rtol=0, atol=tolerance(dtype, 7))
    assert blas.matmul(a[:1, :1], b[:1, :1])[0, 0] == a[0, 0] * b[0, 0]


A, B = np.ones((2, 3)), np.ones((3, 4))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((A, A), "expected b with 3 rows"),
        ((A, B, None, True), "expected b with 2 rows"),
        ((A, B, None, False, True), "expected b with 3 columns"),
        ((A[0], B), "with 2 dimensions"),
        ((A.astype(np.float32), B), "expected one dtype"),
        ((A.astype(int), B), "float32 or float64"),
        ((A.astype(complex), B), "float32 or float64"),
        ((A.astype(np.longdouble), B), "float32 or float64"),
        ((A.astype(A.dtype.newbyteorder()), B), "float32 or float64"),
        ((A, B, np.ones((2, 3))), "expected out"),
        ((A, B, np.ones((2, 4), np.float32)), "expected out"),
        ((A, B, [[0.0] * 4] * 2), "expected out"),
        ((A, B, np.ones((4, 2)).T), "contiguous rows"),
        ((A, B, np.ones((2, 8))[:, ::2]), "contiguous rows"),
        ((A, B, np.ones((2, 4))[::-1]), "contiguous rows"),
        ((A, B, np.broadcast_to(np.ones(4), (2, 4))), "writeable"),
        ((A, B, None, False, False, 1.0, 1.0), "where beta is not 0"),
        ((A, B, None, False, False, 1.0, 0.0, 0), "block >= 1"),
    ],
)
def test_matmul_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        blas.matmul(*arguments)


def test_an_output_that_overlaps_an_input_is_refused():
    a = np.ones((4, 4))
    with pytest.raises(ValueError, match="memory of its own"):
        blas.matmul(a, np.ones((4, 4)), a)
    with pytest.raises(ValueError, match="memory of its own"):
        blas.matvec(np.ones((4, 4)), a[0], a[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((A, np.ones(2)), "expected x with 3 elements"),
        ((A, np.ones(3), None, True), "expected x with 2 elements"),
        ((A, np.ones((3, 1))), "with 1 dimensions"),
        ((A, np.ones(3), np.ones(3)), "expected out"),
        ((A, np.ones(3, np.float32)), "expected one dtype"),
    ],
)
def test_matvec_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        blas.matvec(*arguments)


def test_rows_longer_than_an_int_are_refused():
    # A view that claims 2^31 columns without having them.
    a = np.lib.stride_tricks.as_strided(np.zeros((1, 1)), (1, blas.MAX_SIZE + 1), (8, 8))
    with pytest.raises(ValueError, match="rows of at most"):
        blas.matmul(np.ones((1, 1)), a)


def test_threads_are_one_inside_and_restored_after():
    before = blas.info()["threads"]
    if before is None:
        with blas.single_threaded():
            assert blas.info()["threads"] is None
        return
    with blas.single_threaded():
        assert blas.info()["threads"] == 1
        with blas.single_threaded():
            assert blas.info()["threads"] == 1
        assert blas.info()["threads"] == 1
    assert blas.info()["threads"] == before
    with pytest.raises(KeyError), blas.single_threaded():
        raise KeyError
    assert blas.info()["threads"] == before


def test_threads_are_restored_when_the_last_of_several_threads_leaves():
    before = blas.info()["threads"]
    seen = set()

    def loop():
        for _ in range(2_000):
            with blas.single_threaded():
                seen.add(blas.info()["threads"])

    threads = [threading.Thread(target=loop) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {None if before is None else 1}
    assert blas.info()["threads"] == before


def test_a_number_of_threads_set_meanwhile_is_kept():
    run_script("""
        from threadpoolctl import threadpool_limits
        from fastmlp._core import blas
        if blas.info()["threads"] is not None:
            threadpool_limits(2)
            context = blas.single_threaded().__enter__()
            limits = threadpool_limits(3)
            context.__exit__(None, None, None)
            assert blas.info()["threads"] == 3
    """)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_child_forked_inside_has_the_threads_of_before():
    run_script("""
        import os, signal, warnings
        from fastmlp._core import blas
        warnings.simplefilter("ignore", DeprecationWarning)
        before = blas.info()["threads"]
        with blas.single_threaded():
            pid = os.fork()
            if pid == 0:
                signal.alarm(60)
                good = blas.info()["threads"] == before
                with blas.single_threaded():
                    good = good and blas.info()["threads"] == (before and 1)
                os._exit(0 if good and blas.info()["threads"] == before else 1)
        assert os.waitpid(pid, 0)[1] == 0
        assert blas.info()["threads"] == before
    """)


def test_importing_does_not_import_scipy():
    run_script("""
        import sys
        from fastmlp._core import blas
        assert not any(name.split(".")[0] == "scipy" for name in sys.modules)
        blas.load()
        assert "scipy.linalg.cython_blas" in sys.modules
    """)


def test_info_names_the_library():
    info = blas.info()
    assert set(info) == {"name", "version", "library", "config", "threading", "threads"}
    assert all(isinstance(value, str) for key, value in info.items() if key != "threads")
    assert info["threads"] is None or info["threads"] >= 1
    if info["name"] == "OpenBLAS":
        assert "openblas" in os.path.basename(info["library"]).lower()
        assert os.path.isfile(info["library"])
        assert info["version"][0].isdigit()


def test_a_module_without_openblas_is_described_by_scipy(monkeypatch):
    monkeypatch.setattr(blas_library, "_PREFIXES", ("no_such_library",))
    from scipy.linalg import cython_blas

    library = blas_library.find(cython_blas.__file__)
    assert library.get_threads == library.set_threads == library.buffer_alloc == 0
    assert set(library.facts) == {"name", "version", "library", "config", "threading"}


def test_a_function_with_another_signature_is_refused():
    run_script("""
        import ctypes
        from fastmlp._core import blas
        from scipy.linalg import cython_blas
        capsules = cython_blas.__pyx_capi__
        capsules["sgemm"] = capsules["sgemv"]
        try:
            blas.load()
        except RuntimeError as error:
            assert "expected sgemm to be" in str(error)
        else:
            raise AssertionError
    """)


def test_warm_up_takes_memory_once():
    run_script("""
        from fastmlp._core import blas
        def size():
            try:
                with open("/proc/self/statm") as file:
                    return int(file.read().split()[0])
            except FileNotFoundError:
                return 0
        blas.warm_up(6)
        before = size()
        for n in (6, 1, 4):
            blas.warm_up(n)
        assert size() == before
    """)
    with pytest.raises(ValueError, match="n_workers >= 1"):
        blas.warm_up(0)


def test_warm_up_by_calling_together():
    blas.load()
    before = blas.info()["threads"]
    blas._call_together(3)
    assert blas.info()["threads"] == before
