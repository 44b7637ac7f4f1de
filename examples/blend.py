"""A tower and neighbours as one: weights of validation, and who brought which product.

python examples/blend.py [EPOCHS]
"""

import sys

from tfrec_recall.data import datasets, standard
from tfrec_recall.evaluation import evaluate
from tfrec_recall.evaluation.blending import ChannelLists, fit_weights, what_each_adds
from tfrec_recall.export import export, load
from tfrec_recall.models import ItemCF, YouTubeDNN
from tfrec_recall.retrieval import Blend, WeightedScores

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 8
shop = datasets.load("online-retail")
split = standard(shop)

# 1. Two models that know different things.
channels = {}
for name, model_class in {"neighbours": ItemCF, "tower": YouTubeDNN}.items():
    model = model_class(model_class.default_features(split.train).adapt(split.train))
    model.compile()
    model.fit(model.training_data(split.train), epochs=epochs)
    channels[name] = model.retriever(shop.items)

# 2. Weights by what their lists find on validation, and what each adds on test.
lists = {on: ChannelLists.of(channels, split, on) for on in ("validation", "test")}
merging = fit_weights(lists["validation"], WeightedScores())
print(what_each_adds(lists["validation"], lists["test"], merging).round(4).to_string(index=False))

# 3. One retriever, one graph.
blend = Blend(channels, merging)
print(evaluate(blend, split))
served = load(export(blend, "saved_models/blend_example", items=shop.items))

# 4. A customer's list, and who brought what.
title = shop.items.set_index("item_id")["description"]
customer = split.test.history.groupby("user_id")["item_id"].agg(list).sample(1, random_state=4)
(user_id,), (history,) = customer.index, customer
country = shop.users.set_index("user_id")["country"][user_id]
query = {"user_id": [user_id], "country": [country], "history": [history]}
query = {name: query[name] for name in served.inputs}
found = served.recommend_with_channel(query, k=8, exclude=[history])
print(f"\nCustomer {user_id} may like:")
for item, points, channel in zip(*(part[0].numpy() for part in found), strict=True):
    print(f"    {points:.2f}  {channel.decode():10}  {title[item.decode()]}")
