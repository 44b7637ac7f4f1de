"""Columns of tables: what their values are, and in which type."""
