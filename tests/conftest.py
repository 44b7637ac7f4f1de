"""The package comes before TensorFlow, so that it chooses the Keras, as in a user's program."""

import tfrec_recall  # noqa: F401
