"""The assistant that keeps the list by being talked to."""
