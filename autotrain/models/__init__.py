"""Base models: the catalogue, loading, LoRA, and what a training will cost."""
