"""Negative sampling as sums over single pairs, in loops, from the equations of the papers."""

import numpy as np


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def negative_sampling(centre, context, positive, negative):
    """Loss and gradients of sum(positive * -log s(u.v)) + sum(negative * -log s(-u.v)).

    centre [centres, dim], context [contexts, dim], positive and negative [centres, contexts].
    """
    loss = 0.0
    centre_gradient, context_gradient = np.zeros_like(centre), np.zeros_like(context)
    for i, u in enumerate(centre):
        for j, v in enumerate(context):
            wanted = sigmoid(u @ v)
            loss -= positive[i, j] * np.log(wanted) + negative[i, j] * np.log(sigmoid(-(u @ v)))
            slope = -positive[i, j] * (1 - wanted) + negative[i, j] * wanted
            centre_gradient[i] += slope * v
            context_gradient[j] += slope * u
    return loss, centre_gradient, context_gradient


def window_pairs(items, sessions, window):
    """All (centre, context) of two items, at most `window` places apart in one session."""
    found = []
    for i, centre in enumerate(items):
        for j in range(max(0, i - window), min(len(items), i + window + 1)):
            if j != i and sessions[i] == sessions[j] and centre != items[j]:
                found.append((centre, items[j]))
    return sorted(found)


def mean_of_last(vectors, history, last, half_life):
    """The weighted mean of the unit vectors of the last items of a history."""
    latest = history[-last:]
    weights = [0.5 ** (place / half_life) for place in range(len(latest))][::-1]
    units = [vectors[item] / np.linalg.norm(vectors[item]) for item in latest]
    return sum(w * unit for w, unit in zip(weights, units, strict=True)) / sum(weights)


def one_by_one(inputs, outputs, centres, rates):
    """Stochastic gradient descent over centres, in place; returns the loss before each step.

    Args:
        inputs, outputs: tables [ids, dim].
        centres: of each step, an id and its columns: (id, weight as wanted, as unwanted).
        rates: of each step.
    """
    losses = []
    for (centre, columns), rate in zip(centres, rates, strict=True):
        if not columns:
            losses.append(0.0)
            continue
        ids, wanted, unwanted = (np.array(part) for part in zip(*columns, strict=True))
        loss, by_centre, by_column = negative_sampling(
            inputs[[centre]], outputs[ids], wanted[np.newaxis], unwanted[np.newaxis]
        )
        losses.append(float(np.squeeze(loss)))
        inputs[centre] -= rate * by_centre[0]
        np.subtract.at(outputs, ids, rate * by_column)
    return losses
