"""A person's own actor: the live list of their meetings and chats."""
