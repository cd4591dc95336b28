"""Every event type of Bursar, in one place: its facts, its key, who sends it and who reacts.

An event says that something happened. It is recorded in the transaction that made it happen
(``outbox.api.record``) and carries 1 to 1,000 facts of one kind. ``config/reactions.py`` is the
table of who reacts.
"""
