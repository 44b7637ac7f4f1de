"""Layers over a node and its neighbours, and the hinge loss: one node, one pair at a time."""

import numpy as np


def relu(values):
    return np.maximum(values, 0)


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def _of_each(own, neighbours, present, one):
    rows = zip(own, neighbours, np.asarray(present, bool), strict=True)
    return np.array([one(h, around[there]) for h, around, there in rows])


def mean_aggregator(own, neighbours, present, kernel, bias):
    def one(h, around):
        mean = around.mean(axis=0) if len(around) else np.zeros(neighbours.shape[-1])
        return np.tanh(np.concatenate([h, mean]) @ kernel + bias)

    return _of_each(own, neighbours, present, one)


def gcn_aggregator(own, neighbours, present, kernel, bias):
    def one(h, around):
        return np.tanh(np.vstack([h, *around]).mean(axis=0) @ kernel + bias)

    return _of_each(own, neighbours, present, one)


def max_pool_aggregator(own, neighbours, present, pool_kernel, pool_bias, kernel, bias):
    def one(h, around):
        pooled = [relu(u @ pool_kernel + pool_bias) for u in around]
        most = np.max(pooled, axis=0) if pooled else np.zeros(len(pool_bias))
        return np.tanh(np.concatenate([h, most]) @ kernel + bias)

    return _of_each(own, neighbours, present, one)


def lstm_aggregator(own, neighbours, present, gates, recurrent, gate_bias, kernel, bias):
    """The gates' columns are input, forget, candidate, output, as Keras has them."""

    def one(h, around):
        state = cell = np.zeros(len(recurrent))
        for u in around:
            i, f, c, o = np.split(u @ gates + state @ recurrent + gate_bias, 4)
            cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(c)
            state = sigmoid(o) * np.tanh(cell)
        return np.tanh(np.concatenate([h, state]) @ kernel + bias)

    return _of_each(own, neighbours, present, one)


def pinsage_convolution(own, neighbours, importance, pool_kernel, pool_bias, kernel, bias):
    """Algorithm 1 of PinSAGE with the weighted mean as its pooling."""
    result = []
    for h, around, alpha in zip(own, neighbours, importance, strict=True):
        n = np.zeros(len(pool_bias))
        for v, a in zip(around, alpha, strict=True):
            if a > 0:
                n += a / alpha.sum() * relu(v @ pool_kernel + pool_bias)
        z = np.tanh(np.concatenate([h, n]) @ kernel + bias)
        result.append(z / np.linalg.norm(z))
    return np.array(result)


def max_margin(query, positive, negatives, margin):
    """Eq. 1 of PinSAGE for one query: the mean hinge over its negatives."""
    terms = [max(0.0, query @ n - query @ positive + margin) for n in negatives]
    return sum(terms) / len(terms)
