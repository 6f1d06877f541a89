"""The words, states and rules of ingestion: no I/O, no clock, no third-party I/O library."""
