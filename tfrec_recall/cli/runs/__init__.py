"""Trainings as the command line makes them: one, those of a comparison, those of a search."""
