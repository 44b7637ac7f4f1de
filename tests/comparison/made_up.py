"""Results of runs as a comparison keeps them, with figures that are easy to follow."""

from tfrec_recall.comparison.cuts import CUTS, paired
from tfrec_recall.comparison.figures import PLACES
from tfrec_recall.comparison.runs import DONE, Run

USERS, CATALOGUE = 4, 8
FACTS = {
    "name": "shop",
    "fingerprint": "0" * 16,
    "split": "last_events_out(test=1, validation=1)",
    "published": False,
    "cuts": [10, 50, 100],
    "has_time": True,
    "rows": {"events": 40, "users": USERS, "items": CATALOGUE},
    "train_events": 30,
    "validation_users": USERS,
    "users": USERS,
    "targets": 4,
    "unknown_users": 0,
    "notes": [],
    "items": [
        {"name": name, "items": 2, "events": 10, "least": 1, "most": 9, "targets": 1}
        for name in ("new", "rare", "middle", "frequent")
    ],
    "histories": [{"name": name, "users": 2} for name in ("1 to 4", "9")],
    "picked": [
        {
            "user": user,
            "events": 2,
            "about": f"age {place}",
            "history": [["h1", "</script><b>Old"], [f"own-{user}", ""]],
            "wanted": [["i1", "Wanted"]],
        }
        for place, user in enumerate(("u0", "u1"))
    ],
}
FIGURES = ("recall", "hit_rate", "precision", "ndcg", "mrr", "map", "coverage", "gini")


def result(model, seed=0, values=(0.2, 0.4, 0.6, 0.8), status=DONE, **others):
    """A run whose users have these values of recall@50, and half of them in other metrics."""
    mean = sum(values) / len(values)
    half = [value / 2 for value in values]
    metrics = {f"{name}@{cut}": mean / 2 for name in FIGURES for cut in CUTS}
    metrics |= {f"popularity_rank@{cut}": 3.0 for cut in CUTS}
    items = [f"i{place}" for place in range(3)]
    made = {
        "model": model,
        "seed": seed,
        "made_of": model,
        "status": status,
        "why": None,
        "about": f"What {model} is.",
        "random": model != "popular",
        "machine": "one",
        "seconds": 9.0,
        "seconds_allowed": None,
        "peak_mib": 800.0,
        "commit": "abc",
        "metrics": {**metrics, "users": 4.0, "recall@50": mean},
        "per_user": {name: list(values) if name == "recall@50" else half for name in paired()},
        "curve": [[k, mean * min(k, 50) / 50] for k in PLACES],
        "by_item": [None, 0.1, 0.2, 0.3],
        "by_history": [0.3, 0.4],
        "exposure": [0.0, 0.1, 0.2, 0.7],
        "ablation": [],
        "latency": {"p50": 2.0, "p95": 4.0},
        "lists": [
            [[f"{model} {user}", False, 3.0, {}], ["i1", True, 2.0, {"near": [["h1", 0.9]]}]]
            for user in ("u0", "u1")
        ],
        "compared": [[0, 1, 2, -1], [1, 2, 3, 4]],
        "retriever": "embedding",
        "index": {"kind": "exact"},
        "notes": [],
        "settings": {"epochs": 5},
        "train_seconds": 4.0,
        "examples_per_second": 100.0,
        "best_epoch": 2,
        "seconds_to_best": 2.0,
        "epochs": [
            {"epoch": epoch, "loss": 3.0 - epoch / 2, "val_recall@50": value, "seconds": 1.0}
            for epoch, value in enumerate((0.3, 0.5, 0.4), start=1)
        ],
        "field_weights": {},
        "features": [],
        "items": items,
    }
    return {**made, **others}


def results(*made):
    return {Run(one["model"], one["seed"]): one for one in made}
