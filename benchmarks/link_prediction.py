"""Claim: side information foretells hidden links of the item graph: EGES's area above BGE's.

    python benchmarks/link_prediction.py --data movielens-100k --seeds 3

A third of the connected pairs of items is hidden; the models walk over what is left. The area under
the curve is the probability that a hidden pair has a higher cosine than one without an edge, of
which there are as many. Exits with 1 unless EGES is above BGE by more than the spread of the seeds.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from tfrec_recall.data import datasets, standard  # before TensorFlow, and chooses the Keras
from tfrec_recall.graph import hide_links
from tfrec_recall.models import BGE, EGES, GES

import tensorflow as tf  # isort: skip

MODELS = (BGE, GES, EGES)
WALKS = 40  # from each item, an epoch


def area(model_class: type[EGES], train, epochs: int, seed: int) -> float:
    tf.keras.utils.set_random_seed(seed)
    features = model_class.default_features(train).adapt(train)
    model = model_class(features, walks=WALKS, decay_epochs=epochs, seed=seed)
    model.compile()
    links = hide_links(model.graph(train), seed=seed)
    model.fit(model.walk_data(links.graph, seed=seed), epochs=epochs, verbose=0)
    ids = np.arange(links.graph.shape[0])
    vectors = tf.math.l2_normalize(model.vectors(ids), axis=1).numpy()
    return links.auc(lambda a, b: np.einsum("nd,nd->n", vectors[a], vectors[b]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="movielens-100k")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    train = standard(datasets.load(arguments.data)).train
    found = {}
    for model_class in MODELS:
        areas = [area(model_class, train, arguments.epochs, s) for s in range(arguments.seeds)]
        found[model_class] = np.array(areas)
        print(f"{model_class.__name__:5} {np.mean(areas):.4f} ± {np.std(areas):.4f}", flush=True)
    gain = found[EGES].mean() - found[BGE].mean()
    return int(gain <= max(found[EGES].std(), found[BGE].std()))


if __name__ == "__main__":
    sys.exit(main())
