//! Executions that plain words mean.
