//! The keys about sharing with other machines.

use std::borrow::Cow;
use std::time::Duration;

use anomaly_fleet::{Address, is_machine_name};
use serde_json::Value;

use super::{A_DURATION, duration, text};

/// What stands for no place.
const NONE: &str = "none";

/// What stands for a name that nobody chose.
const AUTO: &str = "auto";

/// Whether and how baselines are shared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sharing {
    /// Where.
    pub(crate) shared: Option<Address>,
    /// The name of this machine.
    pub(crate) machine: Option<String>,
    pub(crate) interval: Duration,
    /// On how many other machines something has to be learned to be normal here.
    pub(crate) agree: u16,
}

impl Default for Sharing {
    fn default() -> Self {
        Self { shared: None, machine: None, interval: Duration::from_secs(60), agree: 1 }
    }
}

impl Sharing {
    /// Sets one key, or tells what its value has to be. `None` for a key that is another's.
    pub(super) fn set(&mut self, name: &str, value: &Value) -> Option<Result<(), Cow<'static, str>>> {
        let set = match name {
            "shared" => text(value).ok_or("s3://bucket/prefix or file:///folder".into()).and_then(|text| {
                let address = (text != NONE).then(|| text.parse()).transpose();
                self.shared = address.map_err(|error: anomaly_fleet::FleetError| error.to_string())?;
                Ok(())
            }),
            "shared_machine" => {
                let name = text(value).filter(|name| *name == AUTO || is_machine_name(name));
                name.map(|name| self.machine = (name != AUTO).then(|| name.to_owned()))
                    .ok_or("1 to 64 letters, digits, dots and dashes".into())
            }
            "shared_interval" => {
                let interval = text(value).and_then(duration::parse).filter(|interval| !interval.is_zero());
                interval.map(|interval| self.interval = interval).ok_or(A_DURATION.into())
            }
            "shared_agree" => {
                let agree =
                    value.as_u64().and_then(|agree| u16::try_from(agree).ok()).filter(|agree| *agree > 0);
                agree.map(|agree| self.agree = agree).ok_or("a number of machines from 1".into())
            }
            _ => return None,
        };
        Some(set)
    }

    /// A key's default as people write it. `None` for a key that is another's.
    pub(super) fn default_of(name: &str) -> Option<String> {
        let Self { shared: _, machine: _, interval, agree } = Self::default();
        match name {
            "shared" => Some(NONE.into()),
            "shared_machine" => Some(AUTO.into()),
            "shared_interval" => Some(format!("{}s", interval.as_secs())),
            "shared_agree" => Some(agree.to_string()),
            _ => None,
        }
    }
}
