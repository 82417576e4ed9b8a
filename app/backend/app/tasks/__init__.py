"""The tasks of signed-in users."""
