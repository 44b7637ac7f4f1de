"""How models go on: saved whole, and grown by what new events bring."""
