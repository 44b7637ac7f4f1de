"""Graphs, walks and PageRank from their definitions, in loops and dense matrices."""

import itertools

import numpy as np


def item_graph(item, session, items, reach=1):
    """How often each item comes before another one in a session, at most `reach` places."""
    weight = np.zeros((items, items))
    for here in range(len(item)):
        for there in range(here + 1, min(here + reach + 1, len(item))):
            if session[here] == session[there] and item[here] != item[there]:
                weight[item[here], item[there]] += 1
    return weight


def basket_graph(baskets, items):
    """The mean item graph over all orders of each basket."""
    weight = np.zeros((items, items))
    for basket in baskets:
        orders = list(itertools.permutations(basket))
        for order in orders:
            weight += item_graph(order, [0] * len(order), items) / len(orders)
    return weight


def transitions(weight):
    """The probability of each step; rows without edges stay zeros."""
    total = weight.sum(axis=1, keepdims=True)
    return np.divide(weight, total, out=np.zeros_like(weight), where=total > 0)


def pagerank(weight, start, restart):
    """p = restart e + (1 - restart) p P as a system of linear equations; dead ends go back."""
    nodes = len(weight)
    step = transitions(weight)
    step[weight.sum(axis=1) == 0, start] = 1
    e = np.eye(nodes)[start]
    return np.linalg.solve(np.eye(nodes) - (1 - restart) * step.T, restart * e)


def alias_probability(threshold, alias):
    """The probability of each entry of one row of alias tables."""
    result = np.zeros(len(threshold))
    for entry, (stays, other) in enumerate(zip(threshold, alias, strict=True)):
        result[entry] += stays / len(threshold)
        result[other] += (1 - stays) / len(threshold)
    return result
