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
    let parts = path.split('/').skip_while(|part| part.is_empty() || *part == "..");
    Cow::Owned(format!("/{}", parts.collect::<Vec<_>>().join("/")))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "4c01db0b339c5a2f4f0ab0f6b1f3a4b1e2d3c4f5a6b7c8d9e0f1a2b3c4d5e6f7";

    fn unit(name: &str) -> Place {
        Place::Unit(name.to_owned())
    }

    fn container(owner: Option<u32>) -> Place {
        Place::Container(Container { id: ID.to_owned(), owner })
    }

    #[test]
    fn containers_of_every_runtime_and_cgroup_driver() {
        for path in [
            "/system.slice/docker-ID.scope",
            "/docker/ID",
            "/docker/ID/system.slice/nginx.service",
            "/system.slice/docker-ID.scope/init.scope",
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12ab.slice/cri-containerd-ID.scope",
            "/kubepods.slice/kubepods-pod12ab.slice/crio-ID.scope",
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1.slice/docker-ID.scope",
            "/kubepods/burstable/pod12ab-34/ID",
            "/kubepods/pod12ab-34/crio-ID",
            "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod1.slice/cri-containerd-ID.scope",
            "/system.slice/containerd.service/kubepods-burstable-pod1.slice:cri-containerd:ID",
            "/machine.slice/libpod-ID.scope",
            "/machine.slice/libpod-ID.scope/container",
            "/libpod_parent/libpod-ID",
            "/system.slice/web.service/libpod-payload-ID",
            "/system.slice/nerdctl-ID.scope",
            "/default/ID",
            "/ecs/task-1/ID",
        ] {
            assert_eq!(place(&path.replace("ID", ID)), container(None), "{path}");
        }
        let rootless = "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope/container";
        assert_eq!(place(&rootless.replace("ID", ID)), container(Some(1000)));
        let nested = format!("/docker/{ID}/docker/{}", ID.replace('4', "5"));
        assert_eq!(place(&nested), container(None), "the outermost container decides");
    }

    #[test]
    fn units_without_what_tells_instances_apart() {
        for (path, name) in [
            ("/system.slice/nginx.service", "nginx.service"),
            ("/system.slice/nginx.service/worker", "nginx.service"),
            ("/system.slice/system-getty.slice/getty@tty1.service", "getty@.service"),
            ("/system.slice/ssh@3-10.0.0.1:22-10.0.0.2:4711.service", "ssh@.service"),
            ("/system.slice/snap.lxd.daemon.service", "snap.lxd.daemon.service"),
            ("/system.slice/postgresql@15-main.service", "postgresql@.service"),
            ("/system.slice/run-u123.service", "run.service"),
            ("/system.slice/run-r8f2a9d0c3b7e4a51a0c9a4f33ab2c1d0.service", "run.service"),
            ("/system.slice/run-p4711-i4711.scope", "run.scope"),
            (
                "/system.slice/dbus-:1.2-org.freedesktop.problems@0.service",
                "dbus-org-freedesktop-problems@.service",
            ),
            ("/init.scope", "init.scope"),
            ("/user.slice/user-1000.slice/session-3.scope", "session.scope"),
            ("/user.slice/user-0.slice/session-c12.scope", "session.scope"),
            ("/user.slice/user-1000.slice/user@1000.service/init.scope", "user@.service/init.scope"),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/syncthing.service",
                "user@.service/syncthing.service",
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.gnome.Terminal.slice/\
                 vte-spawn-0f4e1d2c-11aa-4bbb-8ccc-123456789abc.scope",
                "user@.service/vte-spawn.scope",
            ),
            ("/user.slice/user-1000.slice/user@1000.service", "user@.service"),
            (
                "/machine.slice/systemd-nspawn@web.service/payload/system.slice/nginx.service",
                "systemd-nspawn@.service",
            ),
            ("/system.slice/crio-conmon-ID.scope", "crio-conmon.scope"),
        ] {
            assert_eq!(place(&path.replace("ID", ID)), unit(name), "{path}");
        }
    }

    #[test]
    fn the_rest_is_the_host() {
        for path in [
            "",
            "/",
            "/system.slice",
            "/user.slice/user-0.slice",
            "/init",
            "/lxc.payload.web/system.slice/a.service",
        ] {
            assert_eq!(place(path), Place::Host, "{path}");
        }
    }

    #[test]
    fn whoever_may_name_cgroups_below_a_unit_chooses_no_other_workload() {
        for (path, name) in [
            ("/system.slice/web.service/nginx.service", "web.service"),
            ("/system.slice/web.service/docker-ID.scope", "web.service"),
            ("/system.slice/web.service/docker/ID", "web.service"),
            ("/user.slice/user-1000.slice/user@1000.service/nginx.service", "user@.service/nginx.service"),
            ("/user.slice/user-1000.slice/session-3.scope/docker-ID.scope", "session.scope"),
        ] {
            assert_eq!(place(&path.replace("ID", ID)), unit(name), "{path}");
        }
        let own = "/user.slice/user-1000.slice/user@1000.service/docker-ID.scope";
        assert_eq!(
            place(&own.replace("ID", ID)),
            container(Some(1000)),
            "looked up in the user's files alone"
        );
    }

    #[test]
    fn the_line_that_tells_most_is_taken() {
        let first = "12:pids:/docker/ID\n1:name=systemd:/docker/ID\n0::/\n".replace("ID", ID);
        assert_eq!(process_cgroup(&first), format!("/docker/{ID}"));
        for (file, path) in [
            ("0::/system.slice/cron.service\n", "/system.slice/cron.service"),
            (
                "5:memory:/system.slice/cron.service\n1:name=systemd:/system.slice/cron.service/x\n0::/\n",
                "/system.slice/cron.service/x",
            ),
            ("4:memory:/custom\n1:name=systemd:/\n0::/\n", "/custom"),
            ("0::/../../system.slice/cron.service\n", "/system.slice/cron.service"),
            ("0::/..\n", "/"),
            ("0::/\n", "/"),
            ("nonsense\n", ""),
            ("", ""),
            ("0::/a:b.slice/c:d.service\n", "/a:b.slice/c:d.service"),
        ] {
            assert_eq!(process_cgroup(file), path, "{file}");
        }
    }

    proptest! {
        #[test]
        fn any_path_is_survived(path in "[a-f0-9/@.:u-]{0,120}", file in ".{0,100}") {
            let _ = place(&path);
            let _ = process_cgroup(&file);
        }
    }
}
