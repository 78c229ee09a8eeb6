//! Gives executions their workload, and lets those wait whose container is not known yet.
//!
//! The first executions of a container may be told before its runtime has written down which image it is. They wait
//! here for a few seconds, because the wrong workload would learn them; what stays unknown is counted.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anomaly_capture::Observation;
use anomaly_capture::workload::{PATIENCE, Resolution, Workloads};

/// Executions that wait, at most; the oldest is given up for one more.
const MAX_WAITING: usize = 1024;

/// How often the oldest is asked for again.
const RETRY: Duration = Duration::from_millis(100);

/// Finds workloads.
pub(super) struct Resolver {
    workloads: Workloads,
    waiting: VecDeque<Waiting>,
    retry_due: Instant,
    /// Whether nothing is waited for any more.
    ending: bool,
    /// Executions of containers whose image stayed unknown.
    unresolved: u64,
}

struct Waiting {
    observation: Observation,
    since: Instant,
}

impl Resolver {
    pub(super) fn new(workloads: Workloads, now: Instant) -> Self {
        Self { workloads, waiting: VecDeque::new(), retry_due: now, ending: false, unresolved: 0 }
    }

    /// The execution with its workload, or nothing where it has to wait; at the end nothing does.
    pub(super) fn resolve(&mut self, mut observation: Observation, now: Instant) -> Option<Observation> {
        let workload = match self.workloads.resolve(&observation.cgroup, now) {
            Resolution::Known(workload) => workload,
            Resolution::Pending if self.ending => {
                self.unresolved += 1;
                self.workloads.give_up(&observation.cgroup, now)
            }
            Resolution::Pending => {
                self.waiting.push_back(Waiting { observation, since: now });
                return None;
            }
        };
        observation.workload = workload.to_string();
        Some(observation)
    }

    /// The next of those that wait whose workload is known, or is not waited for any longer.
    pub(super) fn take(&mut self, now: Instant) -> Option<Observation> {
        let first = self.waiting.front()?;
        let give_up =
            self.ending || self.waiting.len() > MAX_WAITING || now.duration_since(first.since) >= PATIENCE;
        if !give_up && now < self.retry_due {
            return None;
        }
        let cgroup = &first.observation.cgroup;
        let workload = match self.workloads.resolve(cgroup, now) {
            Resolution::Known(workload) => workload,
            Resolution::Pending if give_up => {
                self.unresolved += 1;
                self.workloads.give_up(cgroup, now)
            }
            Resolution::Pending => {
                self.retry_due = now + RETRY;
                return None;
            }
        };
        let Waiting { mut observation, .. } = self.waiting.pop_front()?;
        observation.workload = workload.to_string();
        Some(observation)
    }

    /// Lets nothing wait any more.
    pub(super) fn end(&mut self) {
        self.ending = true;
    }

    /// Executions of containers whose image stayed unknown.
    pub(super) fn unresolved(&self) -> u64 {
        self.unresolved
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use anomaly_capture::workload::{CONTAINER, HOST, Template};
    use anomaly_capture::{FeedKind, HostRoot, Identity};

    use super::*;

    fn ran_in(cgroup: &str) -> Observation {
        Observation {
            execution: Default::default(),
            surroundings: Default::default(),
            workload: String::new(),
            time: 0,
            identity: Identity::default(),
            ppid: 0,
            exe: String::new(),
            argument_bytes: 0,
            cgroup: cgroup.to_owned(),
            feed: FeedKind::Ebpf,
        }
    }

    /// A machine of its own, a container on it, and a moment.
    fn machine() -> (tempfile::TempDir, Resolver, String, Instant) {
        let root = tempfile::tempdir().unwrap();
        let id = "0123456789abcdef".repeat(4);
        let workloads = Workloads::new(HostRoot::new(root.path()), Template::default());
        let now = Instant::now();
        (root, Resolver::new(workloads, now), id, now)
    }

    fn scope(id: &str) -> String {
        format!("/system.slice/docker-{id}.scope")
    }

    fn workload(observation: Option<Observation>) -> Option<String> {
        observation.map(|observation| observation.workload)
    }

    #[test]
    fn a_container_is_waited_for_until_its_runtime_tells_its_image() {
        let (root, mut resolver, id, now) = machine();
        assert_eq!(workload(resolver.resolve(ran_in(""), now)).as_deref(), Some(HOST));
        assert_eq!(resolver.resolve(ran_in(&scope(&id)), now), None);
        assert_eq!(resolver.take(now + RETRY), None);

        let directory = root.path().join("var/lib/docker/containers").join(&id);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("config.v2.json"), r#"{"Config":{"Image":"nginx:1.27"},"Name":"/web"}"#)
            .unwrap();
        let image = Some("docker.io/library/nginx".to_owned());
        assert_eq!(workload(resolver.take(now + 3 * RETRY)), image);
        assert_eq!(workload(resolver.resolve(ran_in(&scope(&id)), now + 3 * RETRY)), image);
        assert_eq!((resolver.take(now + PATIENCE), resolver.unresolved()), (None, 0));
    }

    #[test]
    fn what_stays_unknown_is_counted_and_not_lost() {
        let (_root, mut resolver, id, now) = machine();
        assert_eq!(resolver.resolve(ran_in(&scope(&id)), now), None);
        assert_eq!(resolver.take(now + PATIENCE - RETRY), None);
        assert_eq!(workload(resolver.take(now + PATIENCE)).as_deref(), Some(CONTAINER));
        assert_eq!(resolver.unresolved(), 1);
        // Nobody waits again for a container that was given up.
        assert_eq!(
            workload(resolver.resolve(ran_in(&scope(&id)), now + PATIENCE)).as_deref(),
            Some(CONTAINER)
        );
        assert_eq!(resolver.unresolved(), 1);
    }

    #[test]
    fn the_waiting_room_is_bounded_and_emptied_at_the_end() {
        let (_root, mut resolver, _, now) = machine();
        let cgroup = |n: usize| scope(&format!("{n:064x}"));
        for n in 0..MAX_WAITING {
            assert_eq!(resolver.resolve(ran_in(&cgroup(n)), now), None);
        }
        assert_eq!(resolver.take(now), None);
        assert_eq!(resolver.resolve(ran_in(&cgroup(MAX_WAITING)), now), None);
        assert_eq!(resolver.take(now).map(|oldest| oldest.cgroup), Some(cgroup(0)));
        assert_eq!(resolver.take(now), None);
        resolver.end();
        assert_eq!(std::iter::from_fn(|| resolver.take(now)).count(), MAX_WAITING);
        assert_eq!(resolver.unresolved(), MAX_WAITING as u64 + 1);
        // What is told after the end began has nobody left to wait for it.
        assert!(resolver.resolve(ran_in(&cgroup(MAX_WAITING + 1)), now).is_some());
        assert_eq!(resolver.unresolved(), MAX_WAITING as u64 + 2);
    }
}
