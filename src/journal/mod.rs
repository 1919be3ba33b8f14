//! What has happened.
