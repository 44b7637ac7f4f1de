"""The plain layers, in loops from their definitions."""

import numpy as np


def tower(inputs, kernels, biases, activation, projections=None, normalize=None):
    """Dense layers, one after another; `projections` (None for identity) make them residual."""
    outputs = np.asarray(inputs, np.float64)
    for position, (kernel, bias) in enumerate(zip(kernels, biases, strict=True)):
        before = outputs
        outputs = np.zeros((len(before), kernel.shape[1]))
        for row, values in enumerate(before):
            for unit in range(kernel.shape[1]):
                outputs[row, unit] = sum(values * kernel[:, unit]) + bias[unit]
        if position < len(kernels) - 1:
            outputs = activation(outputs if normalize is None else normalize(outputs))
        if projections is not None:
            projection = projections[position]
            outputs = outputs + (before if projection is None else before @ projection)
    return outputs


def masked_mean(history, present, weight=lambda recency: 1.0):
    """Of each row's present events, `weight` given the number of present events after each."""
    result = np.zeros((len(history), history.shape[2]))
    for row in range(len(history)):
        newest_first = np.flatnonzero(present[row])[::-1]
        weights = [weight(recency) for recency in range(len(newest_first))]
        for place, event_weight in zip(newest_first, weights, strict=True):
            result[row] += event_weight / sum(weights) * history[row, place]
    return result


def cosine(one, other):
    return one @ other / np.sqrt((one @ one) * (other @ other))
