"""Who may do what. Everything is in one table: ``collab.permission.table``."""
