"""The version, told once: pyproject.toml reads it here."""

__version__ = "0.1.0"


def version() -> str:
    """fastmlp's version."""
    return __version__
