"""From a file to three splits: read, profile, map, check, split; and the store of imported datasets."""
