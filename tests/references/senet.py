"""Squeeze, excitation and re-weighting of fields, in loops from their definitions."""

import numpy as np


def senet(fields, inner_kernel, outer_kernel, inner_activation, outer_activation, present=None):
    """FiBiNET, Eq. 2 to 4, of a list of fields [batch, width]: the re-weighted ones, the weights.

    `present`, [batch, fields], says which fields an example has; the others are all 0.
    """
    batch, count = len(fields[0]), len(fields)
    weights = np.zeros((batch, count))
    weighted = [np.zeros(field.shape) for field in fields]
    for row in range(batch):
        values = [np.asarray(field[row], np.float64) for field in fields]
        if present is not None:
            values = [v if present[row, f] else np.zeros(len(v)) for f, v in enumerate(values)]
        z = np.array([sum(v) / len(v) for v in values])
        inner = inner_activation(inner_kernel.T @ z)
        weights[row] = outer_activation(outer_kernel.T @ inner)
        for position, value in enumerate(values):
            weighted[position][row] = weights[row, position] * value
    return weighted, weights
