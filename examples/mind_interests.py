"""Several interests of one customer, and which of them brought what.

python examples/mind_interests.py [EPOCHS]
"""

import sys

from tfrec_recall.data import datasets, standard
from tfrec_recall.features import Categorical, Features, History, Words
from tfrec_recall.models import MIND
from tfrec_recall.retrieval import Diversity

import tensorflow as tf  # isort: skip  # after the package, which selects Keras 2

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 5

# 1. A gift shop, many of whose customers are shops and buy for several shelves.
shop = datasets.load("online-retail")
split = standard(shop)

# 2. Up to four interests of each customer, from what was bought and the words of its name.
features = Features(
    user=[History(length=50)], item=[Categorical("item_id"), Words("description")]
).adapt(split.train)
tf.keras.utils.set_random_seed(0)
model = MIND(features, dim=32, interests=4, common=False)
model.compile(optimizer=model.optimizer_class(0.005))
model.fit(model.training_data(split.train), epochs=epochs, verbose=2)

# 3. Someone with a long history: every interest searches, the best score counts.
histories = split.test.history.groupby("user_id")["item_id"].agg(list)
history = max(histories, key=len)[-20:]
title = shop.items.set_index("item_id")["description"]
print("\nLately bought:", "; ".join(title[item] for item in history))

# 4. A list by score alone, and one that is spread over the first words of names.
kind = shop.items["description"].str.split().str[0]
for diversity in (None, Diversity(kind, weight=0.1)):
    retriever = model.retriever(shop.items, k=8, diversity=diversity)
    item_id, score, interest = retriever.recommend_with_interest(
        {"history": [history]}, exclude=[history]
    )
    print("\nspread over first words:" if diversity else "\nby score:")
    rows = zip(item_id[0].numpy(), score[0].numpy(), interest[0].numpy(), strict=True)
    for item, points, number in rows:
        print(f"    {points:.2f}  interest {number}  {title[item.decode()]}")
