"""NeuMF for one pair of user and item, from Eq. 9, 10 and 12."""

import numpy as np


def logit(user, item, layers, output):
    """user, item: (vector of the product, vector of the tower); layers: [(kernel, bias)]."""
    product = [a * b for a, b in zip(user[0], item[0], strict=True)]
    hidden = np.concatenate([user[1], item[1]])
    for kernel, bias in layers:
        hidden = np.maximum(hidden @ kernel + bias, 0.0)
    kernel, bias = output
    return float(np.concatenate([product, hidden]) @ kernel[:, 0] + bias[0])


def logistic_loss(label, score):
    estimate = 1 / (1 + np.exp(-score))
    return -(label * np.log(estimate) + (1 - label) * np.log(1 - estimate))
