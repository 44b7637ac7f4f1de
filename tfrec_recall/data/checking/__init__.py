"""Tables that are what later code relies on, or refused."""
