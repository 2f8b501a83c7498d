"""Assembly of the Hugging Face training loop, its reports and its checkpoints."""
