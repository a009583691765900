"""Recurrent cells, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp._reference import activations

if TYPE_CHECKING:
    from fastmlp._reference.step import State
    from fastmlp.plan.ir import Op


def _functions(op: Op) -> tuple[Any, ...]:
    f, g = op.attrs["activation"], op.attrs["recurrent_activation"]
    return (
        lambda z: activations.forward(f, z),
        lambda z: activations.forward(g, z),
        lambda dy, y: activations.backward(f, dy, y),
        lambda dy, y: activations.backward(g, dy, y),
    )


def _fwd(op: Op, s: State) -> None:
    x, u, b, h0, c0, mask = (None if v is None else s[v] for v in op.ins)
    kind, steps, n = (op.attrs[name] for name in ("kind", "steps", "units"))
    assert x is not None and u is not None
    f, g, *_ = _functions(op)
    hc = np.zeros((s.m, *op.outs[0].shape), x.dtype)
    gates = np.zeros((s.m, steps, 4, n), x.dtype)
    hc[:, 0, 0] = 0 if h0 is None else h0
    if kind == "lstm":
        hc[:, 1, 0] = 0 if c0 is None else c0
    for t in range(steps):
        h, c = hc[:, 0, t], hc[:, -1, t]
        if kind == "simple":
            new = [f(x[:, t] + h @ u)]
        elif kind == "gru":
            i = (h @ u + b).reshape(-1, 3, n)
            xs = x[:, t].reshape(-1, 3, n)
            z, r = g(xs[:, 0] + i[:, 0]), g(xs[:, 1] + i[:, 1])
            candidate = f(xs[:, 2] + r * i[:, 2])
            gates[:, t] = np.stack([z, r, candidate, i[:, 2]], 1)
            new = [z * h + (1 - z) * candidate]
        else:
            a = (x[:, t] + h @ u).reshape(-1, 4, n)
            a = np.stack([g(a[:, 0]), g(a[:, 1]), f(a[:, 2]), g(a[:, 3])], 1)
            gates[:, t] = a
            cell = a[:, 1] * c + a[:, 0] * a[:, 2]
            new = [a[:, 3] * f(cell), cell]
        hc[:, :, t + 1] = np.stack(new, 1)
        if mask is not None:
            hc[:, :, t + 1] = np.where(mask[:, t, None, None] != 0, hc[:, :, t + 1], hc[:, :, t])
    s.put(op.outs[0], hc)
    if kind != "simple":
        s.put(op.outs[1], gates)


def _bwd(op: Op, s: State) -> None:
    dhc, u, gates, hc, mask = (None if v is None else s[v] for v in op.ins)
    kind, steps, n = (op.attrs[name] for name in ("kind", "steps", "units"))
    assert dhc is not None and hc is not None and u is not None
    f, _, df, dg = _functions(op)
    dx = np.zeros((s.m, steps, u.shape[1]), hc.dtype)
    di = np.zeros_like(dx)
    dh, dc = np.zeros((s.m, n), hc.dtype), np.zeros((s.m, n), hc.dtype)
    for t in reversed(range(steps)):
        dh, dc = dh + dhc[:, 0, t + 1], dc + dhc[:, -1, t + 1]
        h, before = hc[:, :, t + 1], hc[:, :, t]
        stay, stay_c = np.zeros_like(dh), dc
        if kind == "simple":
            inner = outer = df(dh, h[:, 0])
        elif kind == "gru":
            z, r, candidate, i2 = gates[:, t].transpose(1, 0, 2)  # type: ignore[index]
            dn = df(dh * (1 - z), candidate)
            dz = dg(dh * (before[:, 0] - candidate), z)
            dr = dg(dn * i2, r)
            outer, inner = np.hstack([dz, dr, dn]), np.hstack([dz, dr, dn * r])
            stay = dh * z
        else:
            i, k, a, o = gates[:, t].transpose(1, 0, 2)  # type: ignore[index]
            fc = f(h[:, 1])
            total = dc + df(dh * o, fc)
            parts = [
                dg(total * a, i),
                dg(total * before[:, 1], k),
                df(total * i, a),
                dg(dh * fc, o),
            ]
            inner = outer = np.hstack(parts)
            stay_c = total * k
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
