"""Why an answer of the assistant ends early."""


class ChatError(Exception):
    """The answer can't go on. The message is for the user and holds nothing confidential."""
