"""Types of the extension module executor.pyx: none, it has nothing for Python."""
