"""An item as the mean of its embeddings, weighted by its own weights, one item at a time."""

import numpy as np


def weighted(fields, weights, present):
    """Eq. 6: H_v = sum_j e^{a_j} W_j / sum_j e^{a_j}; an item without its id weighs all alike."""
    result = np.zeros((len(fields), fields.shape[2]))
    for v in range(len(fields)):
        there = np.flatnonzero(present[v])
        a = weights[v] if present[v, 0] else np.zeros(fields.shape[1])
        for j in there:
            result[v] += np.exp(a[j]) * fields[v, j] / np.exp(a[there]).sum()
    return result


def gradients(fields, weights, present, by_pooled):
    """Of sum(by_pooled * H) by the embeddings [items, fields, dim] and by the weights."""
    pooled = weighted(fields, weights, present)
    by_fields, by_weights = np.zeros_like(fields), np.zeros_like(weights)
    for v in range(len(fields)):
        there = np.flatnonzero(present[v])
        a = weights[v] if present[v, 0] else np.zeros(fields.shape[1])
        for j in there:
            share = np.exp(a[j]) / np.exp(a[there]).sum()
            by_fields[v, j] = share * by_pooled[v]
            if present[v, 0]:
                by_weights[v, j] = share * (fields[v, j] - pooled[v]) @ by_pooled[v]
    return by_fields, by_weights
