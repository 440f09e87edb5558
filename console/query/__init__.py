"""What the store's lists look like: their columns, and the rows that were asked for."""
