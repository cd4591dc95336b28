"""The rules of the catalog: reading it, and saving into it."""
