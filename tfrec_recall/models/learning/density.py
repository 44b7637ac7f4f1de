"""How much the events tell of a user, which defaults of several models follow."""

LONG = 15
"""Training events a user. With fewer, what many took is the safer guess, and a user's id learns
them by heart."""
