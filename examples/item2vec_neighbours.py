"""Which products are bought together: item2vec on the invoices of a gift shop.

python examples/item2vec_neighbours.py [epochs]
"""

import sys

from tfrec_recall.data import datasets, standard
from tfrec_recall.export import export, load
from tfrec_recall.models import Item2Vec

EPOCHS = int(sys.argv[1]) if len(sys.argv) > 1 else 10

split = standard(datasets.load("online-retail"))
features = Item2Vec.default_features(split.train).adapt(split.train)
model = Item2Vec(features, window=20, rate=0.1, decay_epochs=EPOCHS)
model.compile()
model.fit(model.training_data(split.train), epochs=EPOCHS, verbose=2)

items = split.interactions.items
titles = items.set_index("item_id")["description"]
version = export(model.retriever(items, k=5), "saved_models/item2vec", items=items)
retriever = load(version)

popular = split.train.events["item_id"].value_counts().index[[0, 2, 5, 20, 60]]
neighbours, scores = retriever.similar_items(popular.tolist(), k=5)
for item, row, cosines in zip(popular, neighbours.numpy(), scores.numpy(), strict=True):
    print(f"\n{titles[item]}")
    for found, cosine in zip(row, cosines, strict=True):
        print(f"  {cosine:.2f}  {titles[found.decode()]}")
