"""The command `tfrec-recall`. Nothing here imports TensorFlow until a command needs it."""

from tfrec_recall.cli.application import main

__all__ = ["main"]
