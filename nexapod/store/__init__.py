"""The durable side: a few domain verbs, an SQLite store, one in memory, and blobs beside them."""
