"""Graphs, walks and PageRank from their definitions, in loops and dense matrices."""

import itertools

import numpy as np


def item_graph(item, session, items):
    """How often each item comes right before another one in a session."""
    weight = np.zeros((items, items))
    for place in range(1, len(item)):
        if session[place] == session[place - 1] and item[place] != item[place - 1]:
            weight[item[place - 1], item[place]] += 1
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
