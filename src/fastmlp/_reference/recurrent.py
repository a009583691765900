"""Recurrent cells, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp._reference import activations

if TYPE_CHECKING:
    from fastmlp._reference.step import State
    from fastmlp.plan.ir import Op


Array = np.ndarray[Any, np.dtype[Any]]


def lstm_step(a: Array, before: Array, f: str, g: str) -> tuple[Array, Array, Array]:
    """h, c and gates (m, 4, u), of the gates before their activations and the c of the step before."""
    i, k, n, o = (activations.forward(act, a[:, j]) for j, act in enumerate((g, g, f, g)))
    c = k * before + i * n
    return o * activations.forward(f, c), c, np.stack([i, k, n, o], 1)


def lstm_step_bwd(
    dh: Array, dc: Array, gates: Array, c: Array, before: Array, f: str, g: str
) -> tuple[Array, Array]:
    """dx (m, 4, u), and dc of the step before."""
    i, k, n, o = gates.transpose(1, 0, 2)
    fc = activations.forward(f, c)
    dc = dc + activations.backward(f, dh * o, fc)
    parts = [(g, dc * n, i), (g, dc * before, k), (f, dc * i, n), (g, dh * fc, o)]
    return np.stack([activations.backward(*part) for part in parts], 1), dc * k


def gru_step(x: Array, i: Array, before: Array, f: str, g: str) -> tuple[Array, Array]:
    """h and gates (m, 4, u), of x and i = h·u + b, both (m, 3, u)."""
    z, r = (activations.forward(g, x[:, j] + i[:, j]) for j in range(2))
    n = activations.forward(f, x[:, 2] + r * i[:, 2])
    return z * before + (1 - z) * n, np.stack([z, r, n, i[:, 2]], 1)


def gru_step_bwd(
    dh: Array, gates: Array, before: Array, f: str, g: str
) -> tuple[Array, Array, Array]:
    """dx and di (m, 3, u), and the part of the dh before that is not by h·u."""
    z, r, n, i2 = gates.transpose(1, 0, 2)
    dn = activations.backward(f, dh * (1 - z), n)
    dz = activations.backward(g, dh * (before - n), z)
    dr = activations.backward(g, dn * i2, r)
    return np.stack([dz, dr, dn], 1), np.stack([dz, dr, dn * r], 1), dh * z


def _fwd(op: Op, s: State) -> None:
    x, u, b, h0, c0, mask = (None if v is None else s[v] for v in op.ins)
    kind, steps, n = (op.attrs[name] for name in ("kind", "steps", "units"))
    f, g = op.attrs["activation"], op.attrs["recurrent_activation"]
    assert x is not None and u is not None
    hc = np.zeros((s.m, *op.outs[0].shape), x.dtype)
    gates = np.zeros((s.m, steps, 4, n), x.dtype)
    hc[:, 0, 0] = 0 if h0 is None else h0
    if kind == "lstm":
        hc[:, 1, 0] = 0 if c0 is None else c0
    for t in range(steps):
        h, c = hc[:, 0, t], hc[:, -1, t]
        if kind == "simple":
            new = [activations.forward(f, x[:, t] + h @ u)]
        elif kind == "gru":
            i = (h @ u + b).reshape(-1, 3, n)
            state, gates[:, t] = gru_step(x[:, t].reshape(-1, 3, n), i, h, f, g)
            new = [state]
        else:
            a = (x[:, t] + h @ u).reshape(-1, 4, n)
            *new, gates[:, t] = lstm_step(a, c, f, g)
        hc[:, :, t + 1] = np.stack(new, 1)
        if mask is not None:
            hc[:, :, t + 1] = np.where(mask[:, t, None, None] != 0, hc[:, :, t + 1], hc[:, :, t])
    s.put(op.outs[0], hc)
    if kind != "simple":
        s.put(op.outs[1], gates)


def _bwd(op: Op, s: State) -> None:
    dy, u, gates, hc, mask = (None if v is None else s[v] for v in op.ins)
    kind, steps, n = (op.attrs[name] for name in ("kind", "steps", "units"))
    f, g = op.attrs["activation"], op.attrs["recurrent_activation"]
    assert dy is not None and hc is not None and u is not None
    dhc = dy
    if op.attrs["given"] != "all":
        dhc = np.zeros_like(hc)
        dhc[:, 0, 1 if op.attrs["given"] == "each" else steps :] = dy.reshape(s.m, -1, n)
    dx = np.zeros((s.m, steps, u.shape[1]), hc.dtype)
    di = np.zeros_like(dx)
    dh, dc = np.zeros((s.m, n), hc.dtype), np.zeros((s.m, n), hc.dtype)
    for t in reversed(range(steps)):
        dh, dc = dh + dhc[:, 0, t + 1], dc + dhc[:, -1, t + 1]
        h, before = hc[:, :, t + 1], hc[:, :, t]
        stay, stay_c = np.zeros_like(dh), dc
        if kind == "simple":
            inner = outer = activations.backward(f, dh, h[:, 0])
        elif kind == "gru":
            assert gates is not None
            outer, inner, stay = gru_step_bwd(dh, gates[:, t], before[:, 0], f, g)
        else:
            assert gates is not None
            outer, stay_c = lstm_step_bwd(dh, dc, gates[:, t], h[:, 1], before[:, 1], f, g)
            inner = outer
        outer, inner = outer.reshape(s.m, -1), inner.reshape(s.m, -1)
        if mask is not None:
            on = mask[:, t, None] != 0
            inner, outer = inner * on, outer * on
            stay, stay_c = np.where(on, stay, dh), np.where(on, stay_c, dc)
        dx[:, t], di[:, t] = outer, inner
        dh, dc = stay + inner @ u.T, stay_c
    s.put(op.outs[0], dx)
    s.put(op.outs[1], dh + dhc[:, 0, 0])
    if kind != "simple":
        s.put(op.outs[2], di if kind == "gru" else dc + dhc[:, 1, 0])


OPS = {"rnn_fwd": _fwd, "rnn_bwd": _bwd}
