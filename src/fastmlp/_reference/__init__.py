"""What every op means, in NumPy: the specification, and what native code is tested against."""

from fastmlp._reference.step import OPS, State, run_step

__all__ = ["OPS", "State", "run_step"]
