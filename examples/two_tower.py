"""A two-tower model of shoppers: train, export, and ask it for a customer by name of product.

python examples/two_tower.py [EPOCHS]
"""

import sys

from tfrec_recall.data import datasets, standard
from tfrec_recall.evaluation import evaluate, tuning_queries
from tfrec_recall.export import export, load
from tfrec_recall.features import Categorical, Features, History, Numeric
from tfrec_recall.models import TwoTower
from tfrec_recall.retrieval import Auto

import tensorflow as tf  # isort: skip  # after the package, which selects Keras 2

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 8

# 1. Events, and what of them may be learnt from.
shop = datasets.load("online-retail")
split = standard(shop)

# 2. What the model sees of users and items; learnt from the training events alone.
features = Features(
    user=[Categorical("country"), History(length=50)],
    item=[Categorical("item_id"), Numeric("price", buckets=10)],
).adapt(split.train)

# 3. Two towers, a cosine, a softmax over the batch and a thousand more products.
tf.keras.utils.set_random_seed(0)
model = TwoTower(features, dim=64, negatives=1000)
model.compile(optimizer=model.optimizer_class(0.002))
model.fit(model.training_data(split.train), epochs=epochs)

# 4. What is measured is what is served.
asked = tuning_queries(split)  # should the index be approximate, its recall is that of customers
retriever = model.retriever(shop.items, index=Auto(recall=0.95), tuning_queries=asked)
print(evaluate(retriever, split, on="validation"))
served = load(export(retriever, "saved_models/two_tower_example", items=shop.items))

# 5. A customer in a basket's words.
title = shop.items.set_index("item_id")["description"]
customer = split.test.history.groupby("user_id")["item_id"].agg(list).sample(1, random_state=4)
(user_id,), (history,) = customer.index, customer
country = shop.users.set_index("user_id")["country"][user_id]
item_id, score = served({"country": [country], "history": [history]}, k=5, exclude=[history])
print(f"\nCustomer {user_id} of {country} last bought:")
for item in history[-5:]:
    print(f"    {title[item]}")
print("and may like:")
for item, points in zip(item_id[0].numpy(), score[0].numpy(), strict=True):
    print(f"    {points:.2f}  {title[item.decode()]}")
