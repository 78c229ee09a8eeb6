//! Who gives a command: the person behind it, as far as the machine knows.

use std::env;
use std::fs;

/// The login uid of a process that nobody logged in to start.
const NOBODY: u32 = u32::MAX;

/// The name of whoever runs this, and the effective user id.
///
/// Who logged in counts before who they became: the kernel's login uid survives sudo and su. Where nobody logged in, as
/// in a container, sudo's own word counts, then the user id.
pub(super) fn who() -> (String, u32) {
    let effective = rustix::process::geteuid().as_raw();
    let login = fs::read_to_string("/proc/self/loginuid").ok().and_then(|uid| uid.trim().parse().ok());
    let passwd = fs::read("/etc/passwd").unwrap_or_default();
    let passwd = String::from_utf8_lossy(&passwd);
    let sudo = env::var("SUDO_USER").ok().filter(|name| !name.is_empty());
    (person(login, sudo, effective, &passwd), effective)
}

/// The name of a user of this machine.
pub(crate) fn name_of(uid: u32) -> String {
    let passwd = fs::read("/etc/passwd").unwrap_or_default();
    by_uid(uid, &String::from_utf8_lossy(&passwd))
}

fn by_uid(uid: u32, passwd: &str) -> String {
    let line = passwd.lines().find(|line| line.split(':').nth(2) == Some(&uid.to_string()));
    line.and_then(|line| line.split(':').next()).map_or_else(|| format!("uid {uid}"), str::to_owned)
}

fn person(login: Option<u32>, sudo: Option<String>, effective: u32, passwd: &str) -> String {
    let effective_name = by_uid(effective, passwd);
    let person = login.filter(|uid| *uid != NOBODY).map(|uid| by_uid(uid, passwd)).or(sudo);
    match person {
        Some(person) if person != effective_name => format!("{person} as {effective_name}"),
        _ => effective_name,
    }
}

#[cfg(test)]
mod tests {
    use super::person;

    const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n";

    #[test]
    fn the_person_counts_before_the_role() {
        assert_eq!(person(Some(1000), None, 0, PASSWD), "alice as root");
        assert_eq!(person(Some(u32::MAX), Some("bob".into()), 0, PASSWD), "bob as root");
        assert_eq!(person(Some(1000), Some("root".into()), 1000, PASSWD), "alice");
        assert_eq!(person(None, None, 77, PASSWD), "uid 77");
    }
}
