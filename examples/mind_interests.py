"""Several interests of one shopper, and which of them brought what.

python examples/mind_interests.py [EPOCHS]
"""

import sys

from tfrec_recall.data import datasets, standard
from tfrec_recall.features import Categorical, Features, History
from tfrec_recall.models import MIND
from tfrec_recall.retrieval import Diversity

import tensorflow as tf  # isort: skip  # after the package, which selects Keras 2

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 5

# 1. A made-up marketplace, whose users look for one of their interests at a time.
market = datasets.load("simulated", events=20_000, items=400, markets=1)
split = standard(market)

# 2. Up to four interests of each user, from what was clicked and the categories of it.
features = Features(
    user=[History(length=50)], item=[Categorical("item_id"), Categorical("category")]
).adapt(split.train)
tf.keras.utils.set_random_seed(0)
model = MIND(features, dim=32, interests=4, common=False)
model.compile(optimizer=model.optimizer_class(0.005))
model.fit(model.training_data(split.train, batch_size=256), epochs=epochs, verbose=2)

# 3. Someone with a long history: every interest searches, the best score counts.
histories = split.test.history.groupby("user_id")["item_id"].agg(list)
history = max(histories, key=len)[-20:]
category = market.items.set_index("item_id")["category"]
print("\nLately clicked, by category:", ", ".join(category[item] for item in history))

# 4. A list by score alone, and one that is spread over the categories.
for diversity in (None, Diversity(market.items["category"], weight=0.1)):
    retriever = model.retriever(market.items, k=8, diversity=diversity)
    item_id, score, interest = retriever.recommend_with_interest(
        {"history": [history]}, exclude=[history]
    )
    print("\nspread over categories:" if diversity else "\nby score:")
    rows = zip(item_id[0].numpy(), score[0].numpy(), interest[0].numpy(), strict=True)
    for item, points, number in rows:
        print(f"    {points:.2f}  interest {number}  {item.decode()}  {category[item.decode()]}")
