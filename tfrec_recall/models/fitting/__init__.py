"""How models are fitted: `compile` and `fit`, whole tables or their rows, and the memory of it."""
