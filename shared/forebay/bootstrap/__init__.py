"""The only place that picks adapters: one module per set of ports, so that a function loads only what it uses.

Most functions have the record store, the objects, the queues and the bus (`core`); a port that a function is not given
raises `NotGiven` when touched.
"""
