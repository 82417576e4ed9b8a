"""Tasks of signed-in users."""
