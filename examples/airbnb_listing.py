"""Listings by what is clicked in one search and booked at its end, and one that is new.

python examples/airbnb_listing.py [EPOCHS]
"""

import sys

import pandas as pd

from tfrec_recall.data import datasets, standard
from tfrec_recall.models import AirbnbListing

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 10

market = datasets.load("simulated", events=40_000, items=600, markets=4)
split = standard(market)
features = AirbnbListing.default_features(split.train).adapt(split.train)
# Searches are of one market, so negatives are drawn from it as well.
model = AirbnbListing(features, dim=32, market="market", decay_epochs=epochs)
model.compile()
model.fit(model.training_data(split.train), epochs=epochs, verbose=2)

items = market.items
about = items.set_index("item_id")[["market", "category", "price"]]
clicked = split.train.events["item_id"].value_counts().index[[0, 5, 40]].tolist()
retriever = model.retriever(items, k=5)
neighbours, cosines = retriever.similar_items(clicked, k=4)
for item, row, scores in zip(clicked, neighbours.numpy(), cosines.numpy(), strict=True):
    print(f"\n{item}: {', '.join(map(str, about.loc[item]))}")
    for found, cosine in zip(row, scores, strict=True):
        print(f"  {cosine:.2f}  {found.decode()}: {', '.join(map(str, about.loc[found.decode()]))}")

# A listing that nobody has seen is the mean of three like it, and can be found at once.
new = items[items["item_id"] == clicked[0]].assign(item_id="new listing")
retriever = model.retriever(pd.concat([items, new]), k=5)
neighbours, cosines = retriever.similar_items(["new listing"], k=3)
print(f"\na new listing with the columns of {clicked[0]} is near")
for found, cosine in zip(neighbours[0].numpy(), cosines[0].numpy(), strict=True):
    print(f"  {cosine:.2f}  {found.decode()}: {', '.join(map(str, about.loc[found.decode()]))}")
