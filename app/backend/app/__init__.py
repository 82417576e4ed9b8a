"""The todo app's API."""

__version__ = "0.1.0"
