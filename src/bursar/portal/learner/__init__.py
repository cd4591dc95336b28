"""Pages for learners."""
