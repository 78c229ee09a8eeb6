//! Whose normal an execution is compared with, as far as that can be told without waiting.
//!
//! The container plugin's table is asked first: it is memory, and it knows containers of every runtime. A cgroup's path
//! tells units and the host. What would take a file of a container's runtime is left to the feed's thread; the
//! execution waits for it without a score.

use std::collections::HashMap;
use std::ffi::CStr;
use std::sync::Arc;
use std::time::Instant;

use anomaly_capture::HostRoot;
use anomaly_capture::workload::{CONTAINER, Resolution, Template, Workloads};

use crate::tables::Container;

/// Containers whose workload is kept before all are forgotten and found anew.
const CAPACITY: usize = 4_096;

/// What is known of where an execution runs.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place<'a> {
    /// The container's id by the thread table; empty outside of one, `None` where nobody says.
    pub(crate) container: Option<&'a CStr>,
    /// The cgroup's path.
    pub(crate) cgroup: &'a str,
}

/// Whose normal it is, or what has to be asked for that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Placed {
    Known(Arc<str>),
    Unknown(Missing),
}

/// What is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    /// The container's id by the thread table, where there is one.
    pub(crate) container: Option<Box<CStr>>,
    pub(crate) cgroup: Box<str>,
}

/// Names workloads, and remembers them. Reads no files.
#[derive(Debug)]
pub(crate) struct Places {
    /// For names from paths and from what was told; it never sees a container whose files were not read by others.
    workloads: Workloads,
    containers: HashMap<Box<CStr>, Arc<str>>,
    cgroups: HashMap<Box<str>, Arc<str>>,
    /// Whether the container plugin's table has all that the template asks for.
    table_suffices: bool,
}

impl Places {
    pub(crate) fn new(root: HostRoot, template: Template) -> Self {
        let text = template.to_string();
        let table_suffices = !text.contains("{namespace}") && !text.contains("{container}");
        Self {
            workloads: Workloads::new(root, template),
            containers: HashMap::new(),
            cgroups: HashMap::new(),
            table_suffices,
        }
    }

    /// The workload of what runs there. `look_up` asks the container plugin's table.
    pub(crate) fn find(
        &mut self,
        place: Place<'_>,
        look_up: impl FnOnce(&CStr) -> Option<Container>,
    ) -> Placed {
        let container = place.container.filter(|id| !id.is_empty() && self.table_suffices);
        let known = match container {
            Some(id) => self.in_container(id, look_up),
            None => self.in_cgroup(place.cgroup),
        };
        known.map_or_else(
            || Placed::Unknown(Missing { container: container.map(Into::into), cgroup: place.cgroup.into() }),
            Placed::Known,
        )
    }

    /// The same for what was missing before.
    pub(crate) fn retry(
        &mut self,
        missing: &Missing,
        look_up: impl FnOnce(&CStr) -> Option<Container>,
    ) -> Option<Arc<str>> {
        match &missing.container {
            Some(id) => self.in_container(id, look_up),
            None => self.in_cgroup(&missing.cgroup),
        }
    }

    /// Remembers what somebody else has found out.
    pub(crate) fn learn(&mut self, missing: &Missing, workload: &Arc<str>) {
        match &missing.container {
            Some(id) => remember(&mut self.containers, id, workload),
            None => remember(&mut self.cgroups, &missing.cgroup, workload),
        }
    }

    /// The workload of containers of which nothing is known.
    pub(crate) fn unknown_container() -> Arc<str> {
        CONTAINER.into()
    }

    fn in_container(
        &mut self,
        id: &CStr,
        look_up: impl FnOnce(&CStr) -> Option<Container>,
    ) -> Option<Arc<str>> {
        let known = self.containers.get(id);
        if let Some(workload) = known.filter(|workload| ***workload != *CONTAINER) {
            return Some(Arc::clone(workload));
        }
        // Who was given up on may be known by now.
        let told =
            look_up(id).and_then(|Container { image, name }| self.workloads.of_container(&image, &name));
        let Some(workload) = told else { return known.cloned() };
        remember(&mut self.containers, id, &workload);
        Some(workload)
    }

    fn in_cgroup(&mut self, cgroup: &str) -> Option<Arc<str>> {
        if let Some(workload) = self.cgroups.get(cgroup) {
            return Some(Arc::clone(workload));
        }
        let workload = self.workloads.resolve_from_path(cgroup)?;
        remember(&mut self.cgroups, cgroup, &workload);
        Some(workload)
    }
}

/// What a container's runtime wrote down, for who may wait.
#[derive(Debug)]
pub(crate) struct Files(Workloads);

impl Files {
    pub(crate) fn new(root: HostRoot, template: Template) -> Self {
        Self(Workloads::new(root, template))
    }

    /// The workload of what runs in this cgroup; the second time is that of giving up.
    pub(crate) fn find(&mut self, cgroup: &str, now: Instant, give_up: bool) -> Option<Arc<str>> {
        match self.0.resolve(cgroup, now) {
            Resolution::Known(workload) => Some(workload),
            Resolution::Pending if give_up => Some(self.0.give_up(cgroup, now)),
            Resolution::Pending => None,
        }
    }
}

fn remember<K>(known: &mut HashMap<Box<K>, Arc<str>>, key: &K, workload: &Arc<str>)
where
    K: ?Sized + Eq + std::hash::Hash,
    for<'a> Box<K>: From<&'a K>,
{
    if known.len() >= CAPACITY {
        known.clear();
    }
    known.insert(key.into(), Arc::clone(workload));
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCKER: &str =
        "/system.slice/docker-4c01db0b339c5a2f4f0ab0f6b1f3a4b1e2d3c4f5a6b7c8d9e0f1a2b3c4d5e6f7.scope";

    fn places(template: &str) -> Places {
        Places::new(HostRoot::new("/nowhere"), template.parse().expect("a template"))
    }

    fn told(image: &str) -> Option<Container> {
        Some(Container { image: image.into(), name: "web".into() })
    }

    fn name(placed: Placed) -> Option<String> {
        match placed {
            Placed::Known(name) => Some(name.to_string()),
            Placed::Unknown(_) => None,
        }
    }

    #[test]
    fn the_table_names_containers_and_the_path_everything_else() {
        let mut places = places("{image}");
        let inside = Place { container: Some(c"4c01db0b339c"), cgroup: DOCKER };
        assert_eq!(
            name(places.find(inside, |_| told("nginx:1.25"))).as_deref(),
            Some("docker.io/library/nginx")
        );
        assert_eq!(
            name(places.find(inside, |_| panic!("it was told before"))).as_deref(),
            Some("docker.io/library/nginx")
        );
        let outside = Place { container: Some(c""), cgroup: "/system.slice/cron.service" };
        assert_eq!(name(places.find(outside, |_| None)).as_deref(), Some("cron.service"));
        let unsaid = Place { container: None, cgroup: "/" };
        assert_eq!(name(places.find(unsaid, |_| None)).as_deref(), Some("host"));
    }

    #[test]
    fn what_is_not_known_yet_is_asked_for_again_and_remembered() {
        let mut places = places("{image}");
        let inside = Place { container: Some(c"4c01db0b339c"), cgroup: DOCKER };
        let Placed::Unknown(missing) = places.find(inside, |_| told("")) else {
            panic!("it has no image yet")
        };
        assert_eq!(places.retry(&missing, |_| None), None);
        assert_eq!(places.retry(&missing, |_| told("nginx")).as_deref(), Some("docker.io/library/nginx"));
        let Placed::Unknown(missing) = places.find(Place { container: None, cgroup: DOCKER }, |_| None)
        else {
            panic!("a file would have to be read")
        };
        places.learn(&missing, &"shop/web".into());
        let again = places.find(Place { container: None, cgroup: DOCKER }, |_| None);
        assert_eq!(name(again).as_deref(), Some("shop/web"));
    }

    #[test]
    fn who_was_given_up_on_is_found_when_somebody_tells() {
        let mut places = places("{image}");
        let inside = Place { container: Some(c"4c01db0b339c"), cgroup: DOCKER };
        let Placed::Unknown(missing) = places.find(inside, |_| None) else { panic!("nobody told") };
        places.learn(&missing, &Places::unknown_container());
        assert_eq!(name(places.find(inside, |_| None)).as_deref(), Some(CONTAINER));
        assert_eq!(name(places.find(inside, |_| told("nginx"))).as_deref(), Some("docker.io/library/nginx"));
    }

    #[test]
    fn a_template_that_the_table_cannot_fill_is_left_to_the_files() {
        let mut places = places("{namespace}/{container}");
        let inside = Place { container: Some(c"4c01db0b339c"), cgroup: DOCKER };
        let placed = places.find(inside, |_| panic!("the table knows no namespace"));
        assert_eq!(placed, Placed::Unknown(Missing { container: None, cgroup: DOCKER.into() }));
    }
}
