"""The machine learning: one module per model, and the registry that decides which version runs."""
