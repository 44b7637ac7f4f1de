"""What users who rate alike would give: neighbours of users, asked with a list of ratings.

python examples/rating_list.py
"""

from tfrec_recall.data import datasets
from tfrec_recall.graph import Pearson
from tfrec_recall.models import UserCF

data = datasets.load("movielens-100k")
features = UserCF.default_features(data).adapt(data)
model = UserCF(
    features, neighbours=100, ratings=True, similarity=Pearson(minimum_overlap=5, shrinkage=10.0)
)
model.fit(data)

# Someone who is no user of the data: some well-known films, and stars for them.
items = data.items.set_index("item_id")
known = data.events["item_id"].value_counts().index[:10].tolist()
stars = [[5.0, 4.0, 2.0, 1.0, 5.0, 3.0, 4.0, 5.0, 2.0, 4.0]]
query = {"user_id": ["someone"], "history": [known], "history_rating": stars}
for item, given in zip(known, stars[0], strict=True):
    print(f"rated {given:.0f}  {items['title'][item]}")

retriever = model.retriever(data.items, k=8)
found, _ = retriever(query, exclude=[known])
foretold = retriever.predict_rating(query, found)
print("\nand would give")
for item, rating in zip(found[0].numpy(), foretold[0].numpy(), strict=True):
    print(f"  {rating:.2f}  {items['title'][item.decode()]}")
