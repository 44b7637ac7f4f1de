"""The papers' vectors of nodes and what they learn by, one node and one pair at a time."""

import numpy as np

from tests.references.neighbourhoods import relu, sigmoid
from tests.references.side_info_pooling import gradients, weighted
from tests.references.skip_gram import negative_sampling


def unit(x):
    return x / np.sqrt(x @ x) if x @ x > 0 else x


def graph_sage(node, depth, first, neighbours, layers):
    """NIPS 2017, Algorithm 1 with the mean aggregator.

    Args:
        depth: K at first.
        first: the features x_v of each node.
        neighbours: (node, layer) -> those that layer draws.
        layers: W of each.
    """
    if depth == 0:
        return first[node]
    around = [
        graph_sage(u, depth - 1, first, neighbours, layers) for u in neighbours(node, depth - 1)
    ]
    own = graph_sage(node, depth - 1, first, neighbours, layers)
    return unit(relu(np.concatenate([own, np.mean(around, axis=0)]) @ layers[depth - 1]))


def graph_sage_loss(query, positive, negatives):
    """NIPS 2017, Eq. 1 of one pair: its Q negatives are given one by one."""
    wanted = -np.log(sigmoid(query @ positive))
    return wanted - sum(np.log(sigmoid(-(query @ negative))) for negative in negatives)


def pin_sage(node, depth, first, neighbours, convolutions, last):
    """KDD 2018 (PinSAGE), Algorithm 2: z = G2 · ReLU(G1 h + g).

    Args:
        depth: K at first.
        neighbours: node -> the important ones, and how important they are.
        convolutions: Q, q, W and w of each.
        last: G1, g and G2.
    """

    def convolved(node, depth):
        if depth == 0:
            return first[node]
        pool, pool_bias, kernel, bias = convolutions[depth - 1]
        ids, importance = neighbours(node)
        n = np.zeros(len(pool_bias))
        for v, alpha in zip(ids, importance, strict=True):
            n += alpha / np.sum(importance) * relu(convolved(v, depth - 1) @ pool + pool_bias)
        return unit(relu(np.concatenate([convolved(node, depth - 1), n]) @ kernel + bias))

    g1, g1_bias, g2 = last
    return relu(convolved(node, depth) @ g1 + g1_bias) @ g2


def eges_step(fields, importance, output, rows, centre, columns, rate):
    """KDD 2018 (EGES), Algorithm 2 for one centre, in place; returns the loss before.

    Args:
        fields: tables W^0 … W^n, a list.
        importance: a_v^j, [ids, fields].
        output: Z, [ids, dim].
        rows: the row of each table that the centre has.
        columns: (id, weight as wanted, as unwanted).
    """
    if not columns:
        return 0.0
    ids, wanted, unwanted = (np.array(part) for part in zip(*columns, strict=True))
    own = np.stack([table[row] for table, row in zip(fields, rows, strict=True)])[np.newaxis]
    there = np.ones(own.shape[:2], bool)
    weights = importance[[centre]]
    loss, by_centre, by_column = negative_sampling(
        weighted(own, weights, there), output[ids], wanted[np.newaxis], unwanted[np.newaxis]
    )
    by_fields, by_weights = gradients(own, weights, there, by_centre)
    for place, (table, row) in enumerate(zip(fields, rows, strict=True)):
        table[row] -= rate * by_fields[0, place]
    importance[centre] -= rate * by_weights[0]
    np.subtract.at(output, ids, rate * by_column)
    return float(np.squeeze(loss))
