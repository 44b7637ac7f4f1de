import numpy as np


def weighted(nodes=7, seed=0):
    """Every node leads on, along some edges, with weights from 0.1 to 8."""
    generator = np.random.default_rng(seed)
    there = generator.uniform(size=(nodes, nodes)) < 0.5
    weight = there * generator.uniform(0.1, 8, (nodes, nodes))
    weight[np.arange(nodes), (np.arange(nodes) + 1) % nodes] = 1
    return weight.astype("float32")
