//! Taking a machine out of a fleet.

use std::sync::Arc;

use crate::bucket::{Bucket, Created};
use crate::error::FleetError;
use crate::head::{Head, MAX_WORKLOADS};
use crate::identity::random;
use crate::place::Place;
use crate::{agent, names};

/// The most keys that one machine has.
const MAX_KEYS: usize = 2 * MAX_WORKLOADS + 1_000;

/// Makes the others forget what a machine published, and frees its name: it gets an empty head, and everything else of it
/// is deleted. One that still runs publishes anew; take away its credentials first. Returns how many objects went.
///
/// # Errors
/// Where the name is none or nobody's, or the store cannot be reached.
pub fn forget(place: Place, org: &str, machine: &str) -> Result<usize, FleetError> {
    let machine = names::machine(machine)?;
    let bucket = Bucket::new(place, &names::org(org), Arc::default());
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(FleetError::Thread)?;
    let forgotten = runtime.block_on(remove(&bucket, &machine));
    runtime.shutdown_background();
    forgotten
}

async fn remove(bucket: &Bucket, machine: &str) -> Result<usize, FleetError> {
    let heads = bucket.list(&Head::folder(machine), MAX_KEYS).await?;
    let sequences =
        heads.iter().filter_map(|object| Head::parse_key(&object.key)).map(|(_, sequence)| sequence);
    let Some(last) = sequences.max() else {
        return Err(FleetError::Unknown { machine: machine.to_owned(), place: bucket.name().to_owned() });
    };
    let process = random()?;
    let head = Head::new(machine, "", &process, last.saturating_add(1), agent::now());
    if bucket.create(&Head::key(machine, head.sequence), &head.encode()).await? == Created::Exists {
        return Err(FleetError::Busy { machine: machine.to_owned() });
    }
    let rows = bucket.list(&format!("rows/{machine}"), MAX_KEYS).await?;
    for object in heads.iter().chain(&rows) {
        bucket.delete(&object.key).await?;
    }
    Ok(heads.len() + rows.len())
}
