"""What the order of events of one second does to figures, leave-one-out on MovieLens-100k.

    python benchmarks/ties.py  # a minute

Half of all neighbouring events of a user share a second there. Each row is another order of these:
by a hash (the default), as the file has them, by item id, and drawn by three seeds. `popular` and
`item-cf` learn and are measured anew in each.
"""

import pandas as pd

from tfrec_recall.data import (
    Interactions,
    datasets,
    last_events_out,
    ties_in_file_order,
    ties_shuffled,
)
from tfrec_recall.evaluation import evaluate
from tfrec_recall.models import ItemCF, Popular

METRICS = ("recall@10", "recall@50", "ndcg@10")


def orders() -> dict[str, Interactions]:
    """The same events, those of one second each time in another order."""
    data = datasets.load("movielens-100k")
    rank = data.events["item_id"].astype(int)
    by_id = data.events.iloc[rank.argsort(kind="stable")].reset_index(drop=True)
    found = {
        "a hash": data,
        "the file": ties_in_file_order(data),
        "the item id": ties_in_file_order(Interactions(by_id, data.users, data.items)),
    }
    return found | {f"drawn, seed {seed}": ties_shuffled(data, seed) for seed in (1, 2, 3)}


def main() -> None:
    rows = {}
    for name, data in orders().items():
        split = last_events_out(data, test=1, validation=1)
        for model_class in (Popular, ItemCF):
            model = model_class(model_class.default_features(split.train).adapt(split.train))
            model.fit(split.train)
            report = evaluate(model.retriever(data.items), split, cuts=(10, 50))
            rows[name, model_class.__name__] = {key: report.metrics[key] for key in METRICS}
    print(pd.DataFrame(rows).T.round(3).to_string())


if __name__ == "__main__":
    main()
