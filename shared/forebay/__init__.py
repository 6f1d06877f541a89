"""Forebay: documents in, searchable out; one engine behind every function.

Read in this order: `domain` (words, states, rules; no I/O), `service` (one use case a file, named by its verb),
`adapters` (one outside technology a file), `dialects` (one HTTP API a file), `entrypoints` (AWS event shapes in,
use cases out), `bootstrap` (the only place that picks adapters). Imports run downward only.
"""

__version__ = "0.1.0"
