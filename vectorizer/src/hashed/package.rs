//! Maintainer scripts: what a package manager runs when it installs, upgrades or removes a package.
//!
//! Debian's are named after their package (`nginx.postinst`) and call the same few tools for all of them. Read
//! literally, a package installed for the first time is a burst of processes with a parent never seen and a name never
//! seen in every argument. What they *do* is known from other packages, so the kind of script stands for the script,
//! and a mark for the package's own name below it. A script that does what no other does is as novel as ever.

use crate::Execution;

/// What stands for the name of a maintainer script.
pub(super) const SCRIPT: &str = "package script";

/// What stands for the package's own name in what its script runs.
pub(super) const NAME: &str = "<package>";

/// The kinds of scripts: `deb-preinst(5)` and its like, `debconf(7)`.
const KINDS: [&str; 5] = [".postinst", ".preinst", ".postrm", ".prerm", ".config"];

/// How much of a program's name the kernel keeps.
const COMM_BYTES: usize = 15;

/// Fewest bytes of a kind that a cut name must have kept.
const FEWEST: usize = 3;

/// The package that the script with this name belongs to. Of a name that the kernel cut, part of the kind is enough.
pub(super) fn of_script(name: &str) -> Option<&str> {
    // debconf runs copies with a random suffix.
    let whole = KINDS
        .iter()
        .find_map(|kind| name.strip_suffix(kind))
        .or_else(|| Some(name.split_once(".config.")?.0));
    let cut = || {
        let (package, kind) = name.split_at(name.rfind('.')?);
        (name.len() == COMM_BYTES
            && kind.len() >= FEWEST
            && KINDS[..4].iter().any(|whole| whole.starts_with(kind)))
        .then_some(package)
    };
    whole.or_else(cut).filter(|package| !package.is_empty())
}

/// The package whose script an execution is, or is started by.
pub(super) fn of_execution(execution: &Execution) -> &str {
    [&execution.name, &execution.parent, &execution.grandparent]
        .into_iter()
        .find_map(|name| of_script(name))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_and_their_packages() {
        for (name, package) in [
            ("man-db.postinst", Some("man-db")),
            ("ssh.prerm", Some("ssh")),
            ("vsftpd.config", Some("vsftpd")),
            ("vsftpd.config.0", Some("vsftpd")),
            ("memcached.posti", Some("memcached")),
            ("dnsmasq-base.po", Some("dnsmasq-base")),
            ("libc6:amd64.pos", Some("libc6:amd64")),
            ("short.po", None),
            ("long-enough.con", None),
            ("libapache2-mod-", None),
            (".postinst", None),
            ("nginx", None),
            ("", None),
        ] {
            assert_eq!(of_script(name), package, "{name}");
        }
    }
}
