//! Whose normal an execution is compared with.
mod cgroup;
pub(crate) use cgroup::process_cgroup;
