//! The exit of `execve` and `execveat`.

use anomaly_capture::Identity;
use anomaly_vectorizer::MAX_ARGUMENT_BYTES;
use anomaly_vectorizer::context::ExecutableFlag;
use falco_plugin::event::events::RawEvent;

use super::{number32, number64, parameters, text};

const UPPER_LAYER: u32 = 1 << 1;
const FROM_MEMFD: u32 = 1 << 2;

/// A successful exec as Falco's driver tells it. Text is raw bytes without NUL at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Exec<'a> {
    /// When the system call ended, nanoseconds since the Unix epoch.
    pub(crate) time: u64,
    /// The thread, which is the process by now.
    pub(crate) tid: i64,
    pub(crate) pid: i64,
    pub(crate) ppid: i64,
    /// The first argument; `None` where there is none at all.
    pub(crate) first: Option<&'a [u8]>,
    /// The other arguments, each ended by NUL.
    pub(crate) rest: &'a [u8],
    pub(crate) name: &'a [u8],
    /// `controller=path`, each ended by NUL.
    pub(crate) cgroups: &'a [u8],
    /// The terminal's device number, 0 where there is none.
    pub(crate) terminal: Option<u32>,
    pub(crate) login_uid: Option<u32>,
    flags: Option<u32>,
    /// Effective user id in the initial namespace.
    pub(crate) uid: Option<u32>,
    /// The path of the file that runs.
    pub(crate) executable: &'a [u8],
}

impl<'a> Exec<'a> {
    /// Reads an event of this kind; `None` where the exec failed or the event is not whole.
    pub(crate) fn read(event: &RawEvent<'a>) -> Option<Self> {
        let all: [&[u8]; 28] = parameters(event);
        let [result, first, rest, tid, pid, ppid, ..] = all;
        if number64(result) != Some(0) {
            return None;
        }
        Some(Self {
            time: event.metadata.ts,
            tid: number64(tid).unwrap_or(event.metadata.tid),
            pid: number64(pid)?,
            ppid: number64(ppid).unwrap_or(0),
            first: (!first.is_empty()).then(|| text(first)),
            rest,
            name: text(all[13]),
            cgroups: all[14],
            terminal: number32(all[16]),
            login_uid: number32(all[18]),
            flags: number32(all[19]),
            uid: number32(all[26]),
            executable: text(all[27]),
        })
    }

    /// The argument area as the kernel keeps it, as much as counts, written over what `area` held.
    pub(crate) fn arguments(&self, area: &mut Vec<u8>) {
        area.clear();
        let Some(first) = self.first else { return };
        let limit = MAX_ARGUMENT_BYTES + 4;
        area.extend_from_slice(&first[..first.len().min(limit)]);
        area.push(0);
        area.extend_from_slice(&self.rest[..self.rest.len().min(limit)]);
        if !self.rest.is_empty() && !self.rest.ends_with(b"\0") {
            area.push(0);
        }
        area.truncate(limit);
    }

    /// What is special about the executable. That its file was deleted Falco does not tell.
    pub(crate) fn executable_flags(&self) -> Option<Vec<ExecutableFlag>> {
        let flags = self.flags?;
        let all = [(FROM_MEMFD, ExecutableFlag::Memfd), (UPPER_LAYER, ExecutableFlag::UpperLayer)];
        Some(all.into_iter().filter(|(bit, _)| flags & bit != 0).map(|(_, flag)| flag).collect())
    }

    /// Which execution it is, as far as Falco can tell.
    pub(crate) fn identity(&self) -> Identity {
        Identity { tgid: u32::try_from(self.pid).unwrap_or(0), ..Identity::default() }
    }

    /// The paths among the cgroups, each once, in the event's order; neighbours are mostly the same.
    pub(crate) fn cgroup_paths(&self) -> impl Iterator<Item = &'a [u8]> {
        let mut last: &[u8] = b"";
        self.cgroups.split(|&byte| byte == 0).filter_map(move |entry| {
            let path = &entry[entry.iter().position(|&byte| byte == b'=')? + 1..];
            let new = path != last;
            last = path;
            new.then_some(path)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_argument_area_is_put_together_as_the_kernel_has_it() {
        let mut area = b"old".to_vec();
        let exec = Exec { first: Some(b"/usr/bin/env"), rest: b"python3\0-v\0", ..Exec::default() };
        exec.arguments(&mut area);
        assert_eq!(area, b"/usr/bin/env\0python3\0-v\0");
        Exec { rest: b"cut of", ..exec }.arguments(&mut area);
        assert_eq!(area, b"/usr/bin/env\0cut of\0");
        Exec { first: Some(b""), ..Exec::default() }.arguments(&mut area);
        assert_eq!(area, b"\0", "one empty argument");
        Exec::default().arguments(&mut area);
        assert!(area.is_empty(), "no argument at all");
        let long = vec![b'x'; 100_000];
        Exec { first: Some(&long), rest: &long, ..Exec::default() }.arguments(&mut area);
        assert!(area.len() <= MAX_ARGUMENT_BYTES + 4);
    }

    #[test]
    fn equal_cgroups_are_one_path() {
        let cgroups = b"cpuset=/a\0cpu=/a\0io=/b=c\0memory=/a\0broken\0";
        let exec = Exec { cgroups, ..Exec::default() };
        assert_eq!(exec.cgroup_paths().collect::<Vec<_>>(), [&b"/a"[..], b"/b=c", b"/a"]);
    }

    #[test]
    fn flags_become_words_and_their_absence_is_unknown() {
        assert_eq!(Exec::default().executable_flags(), None);
        assert_eq!(Exec { flags: Some(1), ..Exec::default() }.executable_flags(), Some(vec![]));
        let both = Exec { flags: Some(UPPER_LAYER | FROM_MEMFD), ..Exec::default() };
        assert_eq!(both.executable_flags(), Some(vec![ExecutableFlag::Memfd, ExecutableFlag::UpperLayer]));
    }
}
