"""Factorization machines as their equation writes them."""

import itertools

import numpy as np


def fm_interaction(fields, present):
    """Eq. 1: the pair term as the double sum it is, before the sum over factors."""
    result = np.zeros((len(fields), fields.shape[2]))
    for row in range(len(fields)):
        for i, j in itertools.combinations(np.flatnonzero(present[row]), 2):
            result[row] += fields[row, i] * fields[row, j]
    return result


def factorization_machine(x, bias, w, v):
    """Eq. 1, y = w0 + Σ w_i x_i + Σ_i<j <v_i, v_j> x_i x_j, for one x [features]."""
    total = bias + sum(w[i] * x[i] for i in range(len(x)))
    for i, j in itertools.combinations(range(len(x)), 2):
        total += sum(v[i][f] * v[j][f] for f in range(len(v[i]))) * x[i] * x[j]
    return total
