"""The code that runs in the reading process: one format family a file, each with `pages(path, limits)`.

Nothing here is imported by the service itself: `worker.py` is started as a program by the sandboxed extractor and
imports only what the file's type needs.
"""
