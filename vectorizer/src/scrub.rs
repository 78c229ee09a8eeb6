//! Secrets are removed before anything else sees an execution.

/// Replaces secrets in arguments.
#[derive(Debug, Clone, Default)]
pub struct Scrubber {}
