"""A directory of recordings that people commit: one JSON file each, and a SQLite cache of them."""
