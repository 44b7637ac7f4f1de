"""A film that nobody has seen, placed among the others by its genres and its year.

python examples/eges_cold_items.py [EPOCHS]
"""

import sys

import pandas as pd

from tfrec_recall.data import datasets, standard
from tfrec_recall.export import export, load
from tfrec_recall.features import Categorical, Features, History, MultiValued, Numeric
from tfrec_recall.models import EGES

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 10

data = datasets.load("movielens-100k")
split = standard(data)
features = Features(
    user=[History(length=50)],
    item=[Categorical("item_id"), MultiValued("genres"), Numeric("release_year", buckets=10)],
).adapt(split.train)
model = EGES(features, dim=32, decay_epochs=epochs)
model.compile()
model.fit(model.training_data(split.train), epochs=epochs, verbose=2)

# The catalogue of tomorrow: all films, and two that are new.
ids = ["new 1", "new 2"]
new = pd.DataFrame(
    {
        "item_id": ids,
        "title": ["(a new cartoon)", "(a new war film)"],
        "genres": [["Animation", "Children's"], ["War", "Drama"]],
        "release_year": [1997, 1996],
    }
)
items = pd.concat([data.items, new], ignore_index=True)
served = load(export(model.retriever(items, k=5), "saved_models/eges_example", items=items))

titles = items.set_index("item_id")["title"]
neighbours, cosines = served.similar_items(ids, k=5)
for item, row, scores in zip(ids, neighbours.numpy(), cosines.numpy(), strict=True):
    print(f"\n{titles[item]} is near")
    for found, cosine in zip(row, scores, strict=True):
        print(f"  {cosine:.2f}  {titles[found.decode()]}")
