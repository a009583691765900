"""The command line: `python -m fastmlp demo`, `python -m fastmlp config`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m fastmlp", description="Small networks, fast.")
    commands = parser.add_subparsers(dest="command", title="commands")
    demo = commands.add_parser(
        "demo",
        help="train two small networks, beside plain NumPy, and draw their learning curves",
        description="Trains 1-20-1 on a sine and a classifier on handwritten digits; then times "
        "the same two trainings in plain NumPy.",
    )
    demo.add_argument(
        "--data",
        metavar="FILE.npz",
        help="train the classifier on these images instead: x_train, y_train, x_test, y_test, "
        "as in Keras's mnist.npz",
    )
    demo.add_argument("--output", metavar="FILE.png", default="fastmlp-demo.png")
    demo.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    commands.add_parser("config", help="print version, SIMD tier, threads and BLAS")
    chosen = parser.parse_args(arguments)
    if chosen.command == "demo":
        from fastmlp.demo import DemoError, run

        try:
            run(data=chosen.data, output=chosen.output, seed=chosen.seed)
        except DemoError as error:
            print(f"fastmlp demo: {error}", file=sys.stderr)
            return 2
    elif chosen.command == "config":
        import fastmlp

        fastmlp.show_config()
    else:
        parser.print_help()
    return 0


if __name__ == "__main__":
    sys.exit(main())
