"""Training: data, the loops around native executions, progress, and what every model inherits."""
