"""Measurements of fastmlp beside what one would use instead: `python -m bench`."""
