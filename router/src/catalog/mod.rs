//! Known providers and models: dated data and its lookup.
