//! The only spawner.
