//! Which container or unit a process belongs to, from the path of its cgroup.
//!
//! A process may create cgroups of any name below one that was delegated to it: a user below `user@1000.service`, a
//! service with `Delegate=yes` below its own. Whoever took the last container or unit in a path would let them choose
//! whose normal they are compared with. So a path is read from the root, and what the system manager or the
//! container runtime named decides.

use std::borrow::Cow;

/// What the first components of a cgroup's path say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A container with this id.
    Container(Container),
    /// A systemd unit, without what tells its instances apart.
    Unit(String),
    /// Neither: the machine itself.
    Host,
}

/// A container as its cgroup tells it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Container {
    /// 64 hexadecimal digits.
    pub(super) id: String,
    /// Whose it is, where it runs in a user's own session: only that user's runtime files speak for it.
    pub(super) owner: Option<u32>,
}

/// The one path that matters among the lines of `/proc/PID/cgroup`: the first that tells of a container, else that of
/// the unified hierarchy or of systemd's own. As seen from a cgroup namespace, paths begin with `/..` for each level
/// above; those are left out. Empty where there is no line at all.
pub(crate) fn process_cgroup(file: &str) -> String {
    let mut best: Option<(u8, Cow<'_, str>)> = None;
    for line in file.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let path = without_levels_above(path);
        let systemd = controllers.is_empty() || controllers == "name=systemd";
        let rank = match place(&path) {
            Place::Container(_) => 4,
            Place::Unit(_) if systemd => 3,
            _ if path == "/" => 0,
            _ if systemd => 2,
            _ => 1,
        };
        if best.as_ref().is_none_or(|(best, _)| rank > *best) {
            best = Some((rank, path));
        }
    }
    best.map(|(_, path)| path.into_owned()).unwrap_or_default()
}

fn without_levels_above(path: &str) -> Cow<'_, str> {
    if !path.starts_with("/..") {
        return Cow::Borrowed(path);
    }
    let rest = path.split('/').filter(|part| !part.is_empty()).skip_while(|part| *part == "..");
    Cow::Owned(rest.fold(String::new(), |path, part| path + "/" + part) + "")
}

/// Reads a path from the root.
pub(super) fn place(path: &str) -> Place {
    let mut parts = path.split('/').filter(|part| !part.is_empty()).skip_while(|part| is_slice(part));
    let Some(first) = parts.next() else { return Place::Host };
    if let Some(user) = user_manager(first) {
        let mut parts = parts.skip_while(|part| is_slice(part));
        return match parts.next() {
            Some(part) => match container_scope(part) {
                Some(id) => Place::Container(Container { id, owner: Some(user) }),
                None if is_unit(part) => Place::Unit(format!("user@.service/{}", without_instance(part))),
                None => Place::Unit("user@.service".to_owned()),
            },
            None => Place::Unit("user@.service".to_owned()),
        };
    }
    let id = container_scope(first).or_else(|| match first {
        // Without systemd, runtimes keep a cgroup of their own at the root; pods and tasks may stand in between.
        "docker" | "podman" | "libpod_parent" | "kubepods" | "crio" | "ecs" | "default" | "k8s.io" => {
            parts.clone().take(3).find_map(|part| identifier(part).or_else(|| container_scope(part)))
        }
        // A runtime told to use systemd's form without systemd: `POD.slice:cri-containerd:ID` below its own unit.
        "containerd.service" | "crio.service" | "docker.service" | "kubelet.service" | "k3s.service"
        | "k3s-agent.service" => parts.clone().take(2).find_map(|part| identifier(part.rsplit_once(':')?.1)),
        // podman with split cgroups puts the container below the unit that runs it.
        _ if is_unit(first) => {
            parts.clone().next().and_then(|part| identifier(part.strip_prefix("libpod-payload-")?))
        }
        _ => None,
    });
    match id {
        Some(id) => Place::Container(Container { id, owner: None }),
        None if is_unit(first) => Place::Unit(without_instance(first)),
        None => Place::Host,
    }
}

/// The id in `docker-ID.scope`, `cri-containerd-ID.scope`, `crio-ID.scope`, `libpod-ID.scope`. A monitor's scope
/// (`crio-conmon-ID.scope`) holds the runtime's own process and not the container.
fn container_scope(part: &str) -> Option<String> {
    let (runtime, id) = part.strip_suffix(".scope").unwrap_or(part).rsplit_once('-')?;
    let known = matches!(
        runtime,
        "docker" | "cri-containerd" | "crio" | "libpod" | "nerdctl" | "containerd" | "podman"
    );
    identifier(id).filter(|_| known)
}

fn identifier(text: &str) -> Option<String> {
    let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (text.len() == 64 && text.bytes().all(hexadecimal)).then(|| text.to_owned())
}

fn is_slice(part: &str) -> bool {
    part.ends_with(".slice")
}

fn is_unit(part: &str) -> bool {
    part.ends_with(".service") || part.ends_with(".scope")
}

/// The user in `user@1000.service`.
fn user_manager(part: &str) -> Option<u32> {
    part.strip_prefix("user@")?.strip_suffix(".service")?.parse().ok()
}

/// A unit's name without what differs between runs of the same thing: the instance of a template (`foo@.service`), and
/// for scopes and transient units the numbers in it (`session-3.scope` becomes `session.scope`).
fn without_instance(unit: &str) -> String {
    let (name, kind) = unit.rsplit_once('.').unwrap_or((unit, ""));
    let (name, template) = match name.split_once('@') {
        Some((name, _)) => (name, "@"),
        None => (name, ""),
    };
    let transient = kind == "scope" || name.starts_with("run-") || name.starts_with("dbus-:");
    if !transient {
        return format!("{name}{template}.{kind}");
    }
    // systemd writes a dash within a part as `\x2d`.
    let name = name.replace("\\x2d", "-");
    let kept: Vec<&str> = name.split(['-', '.']).filter(|part| !is_number(part)).collect();
    if kept.is_empty() {
        format!("transient{template}.{kind}")
    } else {
        format!("{}{template}.{kind}", kept.join("-"))
    }
}

/// Whether a part of a transient name only tells runs apart: a number, or eight hexadecimal digits and more of which
/// one is a digit, perhaps behind a letter (`r8f2a...`, `u42`), or a part of a UUID.
fn is_number(part: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let hexadecimal = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_hexdigit()) && text.bytes().any(|byte| byte.is_ascii_digit())
    };
    let behind_letter = part.strip_prefix(['r', 'u', 'p', 'i', 'c', ':']).unwrap_or(part);
    digits(part)
        || digits(behind_letter)
        || (part.len() >= 4 && hexadecimal(part))
        || (part.len() >= 8 && hexadecimal(behind_letter))
}
