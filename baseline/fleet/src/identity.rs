//! Who this machine is to the others.
//!
//! Not the host's name nor its machine-id: both are the same on machines that were cloned, and containers have those of
//! their image. It is a number that the baseline got when it first shared, kept beside it.

use std::fs::File;
use std::io::Read;

use serde::{Deserialize, Serialize};

use crate::cache::Cache;
use crate::error::FleetError;
use crate::names::{given, hex, is_machine};

const FILE: &str = "identity.json";

/// Whose baseline this is, and under which name it publishes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// 32 hexadecimal digits.
    pub(crate) identity: String,
    /// The name in keys.
    pub(crate) machine: String,
}

impl Identity {
    /// The identity that is kept, else a new one. `machine` is the name that a person gave.
    pub(crate) fn load(cache: &Cache, machine: Option<&str>) -> Result<Self, FleetError> {
        let kept = cache.read::<Self>(FILE).filter(|kept| is_machine(&kept.machine));
        match (kept, machine) {
            (Some(kept), None) => Ok(kept),
            (Some(kept), Some(machine)) if kept.machine == machine => Ok(kept),
            (Some(kept), Some(machine)) => Self { machine: machine.into(), ..kept }.keep(cache),
            (None, machine) => Self::new(cache, machine),
        }
    }

    /// A new identity. One without a given name has a new name too.
    pub(crate) fn new(cache: &Cache, machine: Option<&str>) -> Result<Self, FleetError> {
        let identity = random()?;
        let machine = machine.map_or_else(|| given(&host(), &identity), str::to_owned);
        Self { identity, machine }.keep(cache)
    }

    fn keep(self, cache: &Cache) -> Result<Self, FleetError> {
        cache.write(FILE, &self)?;
        Ok(self)
    }
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// 128 random bits in hexadecimal digits.
pub(crate) fn random() -> Result<String, FleetError> {
    let mut bytes = [0; 16];
    let path = std::path::Path::new("/dev/urandom");
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|source| FleetError::file(path, source))?;
    Ok(hex(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_stays_and_a_name_can_be_changed() {
        let data = tempfile::tempdir().expect("a folder");
        let cache = Cache::make(data.path(), "default").expect("it can be made");
        let first = Identity::load(&cache, None).expect("a new one");
        assert_eq!(Identity::load(&cache, None).expect("it is kept"), first);
        let named = Identity::load(&cache, Some("web-1")).expect("it is kept");
        assert_eq!((named.identity.as_str(), named.machine.as_str()), (first.identity.as_str(), "web-1"));
        assert_eq!(Identity::load(&cache, None).expect("it is kept"), named);
        let new = Identity::new(&cache, None).expect("a new one");
        assert!(new.identity != first.identity && new.machine != first.machine);
    }
}
