"""Metrics of several outputs, each of which has sums of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from fastmlp import ops
from fastmlp.graph import Tensor
from fastmlp.losses.rows import as_real, as_reals
from fastmlp.metrics.base import Metric
from fastmlp.ops.ranks import of_one_rank, squeeze_or_expand
from fastmlp.variables import Variable


class ColumnSums(Metric):
    """Base class: a variable `(n,)` for each of some sums over the samples of data `(batch, n)`.

    Attributes:
        sums: Names of the variables, which are attributes, too.
    """

    by_batch = False
    sums: ClassVar[tuple[str, ...]] = ()

    def see_shapes(self, y_true: Sequence[int | None], y_pred: Sequence[int | None]) -> None:
        """The first data tell the number of columns.

        Raises:
            ValueError: Data are not of shape `(batch, n)`, or of another n than before.
        """
        t, p = squeeze_or_expand(tuple(y_true), tuple(y_pred))
        known = self._variables[0].size if self._variables else None
        n = p[-1] if len(p) == 2 else None
        # A plan, whose batch has no size yet, begins with new sums.
        seen = p[:1] != (None,) and any(v.value.any() for v in self._variables)
        if n is None or len(t) != 2 or t[-1] != n or (seen and known != n):
            expected = known if seen else "outputs"
            hint = ""
            if len(p) == 2 and (len(t) == 1 or t[1] == 1):
                hint = " Hint: class numbers become rows by utils.to_categorical()."
            raise ValueError(
                f"{self.name}: expected targets and predictions of shape (batch, {expected}). "
                f"Received: y_true.shape={tuple(y_true)}, y_pred.shape={tuple(y_pred)}.{hint}"
            )
        if known != n:
            self._variables = []
            for name in self.sums:
                setattr(self, name, self.add_variable((n,), name=name))

    def columns_of(self, y_true: Any, y_pred: Any, sample_weight: Any) -> tuple[Any, Any, Any]:
        """Targets and predictions `(batch, n)`, and weights that fit them, or `None`."""
        y_true, y_pred = as_reals(self.name, y_true, y_pred, self.dtype)
        self.see_shapes(y_true.shape, y_pred.shape)
        y_true, y_pred = of_one_rank(y_true, y_pred)
        if sample_weight is None:
            return y_true, y_pred, None
        w = sample_weight
        if not isinstance(w, Tensor):
            w = as_real(self.name, "sample_weight", w, y_pred.dtype)
        if len(w.shape) == 1:
            w = ops.reshape(w, (-1, 1))
        m, n = y_pred.shape
        fits = len(w.shape) == 2 and w.shape[0] == m and w.shape[1] in (1, n)
        if w.shape != () and not fits:
            raise ValueError(
                f"{self.name}: expected a weight for each sample of ({m}, {n}) predictions. "
                f"Received: sample_weight.shape={tuple(w.shape)}."
            )
        return y_true, y_pred, w

    def add(self, variable: Variable, values: Any, weight: Any) -> None:
        """Adds values `(batch, n)`, weighted, to a variable."""
        variable.assign_add(ops.sum(values if weight is None else values * weight, 0))
