"""NeuMF for one pair of user and item, from Eq. 9, 10 and 12."""

import numpy as np


def branches(user, item, layers, output):
    """h · φ of the product and of the tower, and the bias.

    user, item: (vector of the product, vector of the tower); layers: [(kernel, bias)].
    """
    product = [a * b for a, b in zip(user[0], item[0], strict=True)]
    hidden = np.concatenate([user[1], item[1]])
    for kernel, bias in layers:
        hidden = np.maximum(hidden @ kernel + bias, 0.0)
    kernel, bias = output
    of_product, of_tower = kernel[: len(product), 0], kernel[len(product) :, 0]
    return float(product @ of_product), float(hidden @ of_tower), float(bias[0])


def logit(user, item, layers, output):
    return sum(branches(user, item, layers, output))


def logistic_loss(label, score):
    estimate = 1 / (1 + np.exp(-score))
    return -(label * np.log(estimate) + (1 - label) * np.log(1 - estimate))
