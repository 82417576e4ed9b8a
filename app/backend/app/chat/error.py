"""The error that ends an answer of the assistant early."""


class ChatError(Exception):
    """The answer can't go on. The message is shown to the user and contains no secret."""


class LimitError(ChatError):
    """The user has used up what they may spend on the assistant."""
