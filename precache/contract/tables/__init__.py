"""The records as the store's tables, as SQLite's file, and as the tables of the documents."""
