//! Whose normal an execution is compared with.
//!
//! The image of its container, else the systemd unit that it belongs to, else `host`: what a program does is normal for
//! a service, not for a machine, and the same service on another machine or in another release is the same workload.
//! Everything comes from the cgroup's path and from files, so the answer is the same for a process that has ended.

mod cgroup;
mod image;
mod runtime;
mod template;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

pub(crate) use cgroup::process_cgroup;
use cgroup::{Container, Place, place};
use runtime::Facts;
use template::Placeholder;
pub use template::{Template, TemplateError};

use crate::HostRoot;

/// The workload of what belongs to no container and no unit.
pub const HOST: &str = "host";

/// The workload of containers of which nothing is known.
pub const CONTAINER: &str = "container";

/// How long an execution may wait for its container's image before [`Workloads::give_up`] is due.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How many cgroups' workloads are kept before all are forgotten and found anew.
const CAPACITY: usize = 4096;

/// How long the runtimes' files are left alone after they did not tell of a container.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The same after the caller gave up on it.
const LOOK_AGAIN_LATER: Duration = Duration::from_secs(60);

/// Whose normal an execution is compared with, or not yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// The workload's name.
    Known(Arc<str>),
    /// It runs in a container of which no runtime has written anything yet. Ask again, for [`PATIENCE`] at most, then
    /// [give up](Workloads::give_up).
    Pending,
}

/// Finds workloads, and keeps what it found.
#[derive(Debug)]
pub struct Workloads {
    root: HostRoot,
    template: Template,
    known: HashMap<Box<str>, Known>,
}

#[derive(Debug, Clone)]
enum Known {
    /// A container's image never changes, nor does a cgroup's unit.
    Settled(Arc<str>),
    /// Nothing is known of the container; `until` then, this is the answer.
    Open { until: Instant, answer: Resolution },
}

impl Workloads {
    /// Names workloads by `template`.
    pub fn new(root: HostRoot, template: Template) -> Self {
        Self { root, template, known: HashMap::new() }
    }

    /// The workload of what runs in this cgroup, a path as [`Observation::cgroup`](crate::Observation::cgroup) has it.
    /// The empty path, of which nothing is known, is the host's.
    pub fn resolve(&mut self, cgroup: &str, now: Instant) -> Resolution {
        match self.known.get(cgroup) {
            Some(Known::Settled(name)) => return Resolution::Known(Arc::clone(name)),
            Some(Known::Open { until, answer }) if now < *until => return answer.clone(),
            _ => {}
        }
        let found = match self.outside(cgroup) {
            Ok(name) => Some(name),
            Err(container) => self.container(&container),
        };
        match found {
            Some(name) => {
                self.keep(cgroup, Known::Settled(Arc::clone(&name)));
                Resolution::Known(name)
            }
            None => {
                // Who was given up on stays where it was put until something is known.
                let (pause, answer) = match self.known.get(cgroup) {
                    Some(Known::Open { answer: answer @ Resolution::Known(_), .. }) => {
                        (LOOK_AGAIN_LATER, answer.clone())
                    }
                    _ => (LOOK_AGAIN, Resolution::Pending),
                };
                self.keep(cgroup, Known::Open { until: now + pause, answer: answer.clone() });
                answer
            }
        }
    }

    /// The same without looking into any file, for who must not wait: `None` where the files of a container's runtime
    /// would have to be read.
    pub fn resolve_from_path(&mut self, cgroup: &str) -> Option<Arc<str>> {
        if let Some(Known::Settled(name)) = self.known.get(cgroup) {
            return Some(Arc::clone(name));
        }
        let name = self.outside(cgroup).ok()?;
        self.keep(cgroup, Known::Settled(Arc::clone(&name)));
        Some(name)
    }

    /// The workload of a container that somebody else has told about, image and name as it was told (the container
    /// plugin's table in Falco). `None` where that names no workload: an image's bare id, or nothing.
    pub fn of_container(&self, image: &str, name: &str) -> Option<Arc<str>> {
        let facts = Facts::new(Some(image), Some(name), None)?;
        facts.image.is_some().then(|| self.named(&facts))?
    }

    /// The workload of what runs in this cgroup, though its image is not known: [`CONTAINER`], for this and all later
    /// executions in it, until a runtime tells more, which is looked for once a minute.
    pub fn give_up(&mut self, cgroup: &str, now: Instant) -> Arc<str> {
        if let Resolution::Known(name) = self.resolve(cgroup, now) {
            return name;
        }
        let name: Arc<str> = self.name(None, &Facts::default(), CONTAINER);
        let answer = Resolution::Known(Arc::clone(&name));
        self.keep(cgroup, Known::Open { until: now + LOOK_AGAIN_LATER, answer });
        name
    }

    /// The workload of what runs outside of containers, or the container.
    fn outside(&self, cgroup: &str) -> Result<Arc<str>, Container> {
        match place(cgroup) {
            Place::Host => Ok(self.name(None, &Facts::default(), HOST)),
            Place::Unit(unit) => Ok(self.name(Some(&unit), &Facts::default(), &unit)),
            Place::Container(container) => Err(container),
        }
    }

    fn container(&self, container: &Container) -> Option<Arc<str>> {
        self.named(&runtime::facts(&self.root, container)?)
    }

    fn named(&self, facts: &Facts) -> Option<Arc<str>> {
        let Facts { image, name, namespace } = facts;
        let otherwise = match (image, namespace, name) {
            (Some(image), ..) => image.clone(),
            (None, Some(namespace), Some(name)) => format!("{CONTAINER}/{namespace}/{name}"),
            (None, _, Some(name)) => format!("{CONTAINER}/{name}"),
            (None, _, None) => return None,
        };
        Some(self.name(None, facts, &otherwise))
    }

    /// By the template, where it has all values, else `otherwise`.
    fn name(&self, unit: Option<&str>, facts: &Facts, otherwise: &str) -> Arc<str> {
        let rendered = self.template.render(|placeholder| match placeholder {
            Placeholder::Image => facts.image.as_deref(),
            Placeholder::Unit => unit,
            Placeholder::Namespace => facts.namespace.as_deref(),
            Placeholder::Container => facts.name.as_deref(),
        });
        rendered.as_deref().unwrap_or(otherwise).into()
    }

    fn keep(&mut self, cgroup: &str, known: Known) {
        if self.known.len() >= CAPACITY && !self.known.contains_key(cgroup) {
            self.known.clear();
        }
        self.known.insert(cgroup.into(), known);
    }
}
