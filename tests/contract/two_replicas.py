"""Trains every model on two logical CPUs, in a process of its own: `test_replicas.py` reads it.

Called with the path of the file that takes what came out, as JSON.
"""

import json
import sys
import tempfile
import traceback

import numpy as np
import tensorflow as tf

import tests.quick  # noqa: F401

EPOCHS = 2
CONTEXT = "SDM with the context of requests"
EXPORTED = {"EGES", "FunkSVD", "NeuralCF", "SDM", "SamplingBiasCorrectedTwoTower"}


def few_examples(model, interactions, count):
    """A batch with fewer examples than there are replicas."""
    from tests.contract.model_cases import BATCH

    batch = model.training_data(interactions, batch_size=BATCH, seed=None).take(1)
    return batch.map(lambda columns: {name: values[:count] for name, values in columns.items()})


def lists_of(model, interactions, exported):
    from tests.contract.model_cases import asked, requests
    from tfrec_recall.export import export, load

    retriever = model.retriever(interactions.items, k=7)
    queries = requests(interactions)
    _, scores = asked(retriever, queries, k=7, exclude=queries["history"])
    if exported:
        with tempfile.TemporaryDirectory() as folder:
            loaded = load(export(retriever, folder))
            _, served = asked(loaded, queries, k=7, exclude=queries["history"])
        np.testing.assert_allclose(served, scores, rtol=1e-5)
    left = scores[:, :2]  # of the 30 items, 8 are left out
    return bool(np.isfinite(left).all())


def trained_by_two(model_class, strategy):
    from tests.contract.model_cases import BATCH, built, the_board

    with strategy.scope():
        model = built(model_class)
    data = model.training_data(the_board(), batch_size=BATCH)
    losses = model.fit(data, epochs=EPOCHS, verbose=0).history["loss"]
    data = model.training_data(the_board(), batch_size=BATCH, seed=None)
    found = {
        "losses": losses,
        "evaluated": model.evaluate(data, verbose=0, return_dict=True)["loss"],
        "weights": [float(np.sum(np.abs(w), dtype="float64")) for w in model.trainable_variables],
    }
    tiny = model.fit(few_examples(model, the_board(), 1), epochs=1, verbose=0).history["loss"]
    finite = [np.isfinite(weight.numpy()).all() for weight in model.weights]
    before = [weight.numpy() for weight in model.trainable_variables]
    loss = model.fit(few_examples(model, the_board(), 0), verbose=0).history["loss"]
    now = model.trainable_variables
    moved = [np.abs(w - old).max() for w, old in zip(now, before, strict=True)]
    return found | {
        "nothing": [*loss, float(np.max(moved))],
        "finite": bool(np.isfinite(tiny).all() and np.all(finite)),
        "lists": lists_of(model, the_board(), model_class.__name__ in EXPORTED),
    }


def learnt_with_context(strategy):
    """SDM, whose places of a session each have the context of their own request."""
    from tests.contract.test_context import built, the_split
    from tfrec_recall.models import SDM

    with strategy.scope():
        model = built(SDM)
    data = model.training_data(the_split().train, batch_size=32)
    return {"losses": model.fit(data, epochs=EPOCHS, verbose=0).history["loss"]}


def main(path, names):
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    from tests.contract.model_cases import GRADIENT_MODELS

    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    results = {}
    for model_class in GRADIENT_MODELS:
        if names and model_class.__name__ not in names:
            continue
        try:
            results[model_class.__name__] = trained_by_two(model_class, strategy)
        except Exception:  # each model has a test of its own, which tells what went wrong
            results[model_class.__name__] = {"error": traceback.format_exc()}
    if not names or CONTEXT in names:
        try:
            results[CONTEXT] = learnt_with_context(strategy)
        except Exception:
            results[CONTEXT] = {"error": traceback.format_exc()}
    with open(path, "w") as file:
        json.dump(results, file)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
