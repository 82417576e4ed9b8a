"""The assistant, which reads and changes the user's tasks in a conversation."""
