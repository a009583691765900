"""The compiler: a graph becomes a plan by a few passes, each in a file of its own."""
