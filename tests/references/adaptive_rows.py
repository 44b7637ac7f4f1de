"""Adagrad, one sum a row, id by id (JMLR 2011, section 1.1)."""

import numpy as np


def step(table, sums, ids, gradient, rate, longest):
    """The table and the sums after one step, as copies. ids [n], gradient [n, dim]."""
    table, sums = table.astype("float64"), sums.astype("float64")
    for row in set(np.asarray(ids).tolist()):
        g = np.zeros(table.shape[1])
        for at, other in enumerate(ids):
            if other == row:
                g += gradient[at]
        sums[row] += (g**2).sum() / len(g)
        move = rate * g / np.sqrt(sums[row]) if sums[row] > 0 else 0 * g
        length = np.sqrt((move**2).sum())
        table[row] -= move * min(1.0, longest / max(length, 1e-300))
    return table, sums
