//! Loads the kernel program and gets hold of its ring and counters.

use std::{fmt, fs, path::Path, time::Duration};

use anomaly_ebpf::{ARGUMENT_LIMIT, COUNTERS, Counter, Field, names};
use aya::{
    Ebpf, EbpfLoader,
    maps::{MapData, PerCpuArray, RingBuf},
    programs::{RawTracePoint, TracePoint},
};
use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{Resource, Rlimit, setrlimit},
};

use super::{EbpfError, Hook, btf::Btf, offsets};
use crate::HostRoot;

/// The object, as the build script left it: empty where it was told to.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/anomaly-exec"));

/// How many execs may be in flight at once under [`Hook::Enter`]; 4.7 KB each.
const IN_FLIGHT: u32 = 256;

/// How the program is loaded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    /// How much of an argument area is kept.
    pub(super) argument_bytes: u32,
    /// Whether the cgroups of v1 controllers are told, too.
    pub(super) split_cgroups: bool,
    /// The ring's size; rounded up to a power of two of pages.
    pub(super) ring_bytes: u32,
}

/// The loaded program. Dropping it detaches it.
pub(super) struct Program {
    /// Holds the programs and their links.
    _object: Ebpf,
    ring: RingBuf<MapData>,
    counts: PerCpuArray<MapData, [u64; COUNTERS]>,
    blind_spots: Vec<&'static str>,
}

impl fmt::Debug for Program {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Aya's maps say nothing about themselves.
        formatter.debug_struct("Program").field("blind_spots", &self.blind_spots).finish_non_exhaustive()
    }
}

impl Program {
    /// Loads and attaches.
    pub(super) fn load(hook: Hook, root: &HostRoot, settings: Settings) -> Result<Self, EbpfError> {
        if OBJECT.is_empty() {
            return Err(EbpfError::NotBuilt);
        }
        let (mut offsets, blind_spots) = match hook {
            Hook::Exec => resolve(&root.join("sys/kernel/btf/vmlinux"))?,
            Hook::Enter => ([Field::UNKNOWN; Field::COUNT], Vec::new()),
        };
        if !settings.split_cgroups {
            offsets[Field::TaskCgroups as usize] = Field::UNKNOWN;
        }
        lift_memory_limit();
        let keep = settings.argument_bytes.min(ARGUMENT_LIMIT as u32);
        let wake = settings.ring_bytes / 4;
        let mut object = EbpfLoader::new()
            .btf(None)
            .override_global(names::OFFSETS, &offsets[..], true)
            .override_global(names::KEEP, &keep, true)
            .override_global(names::WAKE, &wake, true)
            .map_max_entries(names::RECORDS, settings.ring_bytes)
            .map_max_entries(names::PENDING, if hook == Hook::Enter { IN_FLIGHT } else { 1 })
            .load(OBJECT)
            .map_err(|error| EbpfError::creating(&error))?;
        let ring = take(&mut object, names::RECORDS, RingBuf::try_from)?;
        let counts = take(&mut object, names::COUNTS, PerCpuArray::try_from)?;
        attach(&mut object, hook)?;
        Ok(Self { _object: object, ring, counts, blind_spots })
    }

    /// The next record's bytes.
    pub(super) fn next(&mut self) -> Option<impl std::ops::Deref<Target = [u8]>> {
        self.ring.next()
    }

    /// Sleeps until the kernel wakes the reader or `limit` has passed.
    pub(super) fn wait(&self, limit: Duration) {
        let limit = limit.try_into().ok();
        // Waking early for a signal is as good as waking for a record.
        let _ = poll(&mut [PollFd::new(&self.ring, PollFlags::IN)], limit.as_ref());
    }

    /// A counter, one number per CPU; empty where it cannot be read.
    pub(super) fn count(&self, counter: Counter) -> Vec<u64> {
        let counts = self.counts.get(&0, 0).ok();
        counts.iter().flat_map(|cpus| cpus.iter()).map(|cpu| cpu[counter as usize]).collect()
    }

    /// What the program cannot tell on this kernel.
    pub(super) fn blind_spots(&self) -> &[&'static str] {
        &self.blind_spots
    }
}

/// Finds the offsets that the program needs, and what it has to go without.
fn resolve(path: &Path) -> Result<(offsets::Offsets, Vec<&'static str>), EbpfError> {
    let bytes = fs::read(path).map_err(|source| EbpfError::NoBtf { path: path.to_owned(), source })?;
    let offsets = Btf::parse(&bytes).map(|btf| offsets::find(&btf));
    offsets
        .filter(|offsets| Field::ESSENTIAL.iter().all(|&field| offsets[field as usize] != Field::UNKNOWN))
        .map(|offsets| (offsets, offsets::blind_spots(&offsets)))
        .ok_or_else(|| EbpfError::Btf { path: path.to_owned() })
}

/// Kernels before 5.11 count maps against the limit on locked memory. Newer ones do not care, and raising it takes a
/// privilege, so that being refused means nothing yet.
fn lift_memory_limit() {
    let _ = setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None });
}

/// Takes a map out of the object.
fn take<T>(
    object: &mut Ebpf,
    name: &str,
    convert: impl FnOnce(aya::maps::Map) -> Result<T, aya::maps::MapError>,
) -> Result<T, EbpfError> {
    let map = object.take_map(name).ok_or_else(|| EbpfError::Load { cause: format!("no map {name}") })?;
    convert(map).map_err(|error| EbpfError::Load { cause: format!("map {name}: {error}") })
}

/// Loads and attaches the programs of a hook.
fn attach(object: &mut Ebpf, hook: Hook) -> Result<(), EbpfError> {
    match hook {
        Hook::Exec => {
            let program: &mut RawTracePoint = find(object, names::EXEC)?;
            program.load().map_err(|error| EbpfError::loading(names::EXEC, &error))?;
            program.attach(names::EXEC).map_err(|error| EbpfError::attaching(names::EXEC, &error))?;
        }
        Hook::Enter => {
            for name in names::ENTER {
                let program: &mut TracePoint = find(object, name)?;
                program.load().map_err(|error| EbpfError::loading(name, &error))?;
                program.attach("syscalls", name).map_err(|error| EbpfError::attaching(name, &error))?;
            }
        }
    }
    Ok(())
}

/// A program of the object by name.
fn find<'a, T>(object: &'a mut Ebpf, name: &str) -> Result<&'a mut T, EbpfError>
where
    &'a mut T: TryFrom<&'a mut aya::programs::Program, Error = aya::programs::ProgramError>,
{
    let program =
        object.program_mut(name).ok_or_else(|| EbpfError::Load { cause: format!("no program {name}") })?;
    program.try_into().map_err(|error| EbpfError::Load { cause: format!("program {name}: {error}") })
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        process::Command,
        time::{Duration, Instant},
    };

    use anomaly_ebpf::Record;

    use super::*;

    /// The verifier knows how much is kept when it judges the program, so every bound is another program to it.
    #[test]
    fn as_much_is_kept_as_was_asked_for() {
        let given = "x".repeat(40_000);
        for (asked, kept) in [
            (0, 0),
            (1, 1),
            (4096, 4096),
            (ARGUMENT_LIMIT as u32, ARGUMENT_LIMIT),
            (u32::MAX, ARGUMENT_LIMIT),
        ] {
            let settings = Settings { argument_bytes: asked, split_cgroups: true, ring_bytes: 1 << 20 };
            let mut program = match Program::load(Hook::Exec, &HostRoot::default(), settings) {
                Ok(program) => program,
                Err(error @ (EbpfError::Refused { .. } | EbpfError::Load { .. })) => {
                    panic!("{asked}: {error}")
                }
                Err(error) => {
                    let _ = writeln!(std::io::stderr(), "skipped: {error}");
                    return;
                }
            };
            let mut child = Command::new("/bin/true").arg(&given).spawn().expect("true starts");
            let id = child.id();
            assert!(child.wait().expect("it ends").success());
            let until = Instant::now() + Duration::from_secs(10);
            loop {
                assert!(Instant::now() < until, "{asked}: nothing came");
                let Some(bytes) = program.next() else { continue };
                let record = Record::parse(&bytes).expect("a record");
                if record.tgid == id {
                    assert_eq!(
                        (record.arguments.len(), record.truncated, record.unreadable),
                        (kept, true, false)
                    );
                    assert_eq!(record.argument_bytes as usize, "/bin/true".len() + given.len() + 2);
                    break;
                }
            }
        }
    }

    #[test]
    fn this_kernel_s_blind_spots_are_known() {
        let path = HostRoot::default().join("sys/kernel/btf/vmlinux");
        match resolve(&path) {
            // What a kernel may be built without.
            Ok((_, blind_spots)) => {
                assert!(
                    blind_spots.iter().all(|spot| ["login uid", "origin of the executable"].contains(spot)),
                    "{blind_spots:?}"
                );
            }
            Err(error) => {
                let _ = writeln!(std::io::stderr(), "skipped: {error}");
            }
        }
    }
}
