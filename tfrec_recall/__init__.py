"""Recall models for recommenders on TensorFlow: layers, losses, models, indexes, SavedModels.

Import this package before TensorFlow's Keras is first used: it selects Keras 2 unless you chose.
"""

__version__ = "0.1.0"
