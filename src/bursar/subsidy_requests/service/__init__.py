"""The rules of asking, approving, declining and withdrawing."""
