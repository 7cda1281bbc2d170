//! The words that the daemon and its clients both say. Types and their text forms only: no I/O, no clock.
