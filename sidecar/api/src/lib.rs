//! What the daemon answers.
