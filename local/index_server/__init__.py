"""A search index on one machine: the part of OpenSearch's REST API that `OpenSearchIndex` uses, over SQLite and numpy.

Run as `python -m local.index_server --port P --folder F`. It is strict: what it does not know it refuses, so that it
cannot hide a wrong request. Vector search is exact, hence it can judge an approximate index's recall.
"""
