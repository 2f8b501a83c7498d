"""What may be deleted from a data home without being asked, and what it holds: checkpoints by policy, nothing else."""
