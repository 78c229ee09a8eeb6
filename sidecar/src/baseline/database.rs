//! Reading a database for a command.

use anomaly_baseline::Store;
use anomaly_exchange::Portion;
use anomaly_lance::LanceStore;

use crate::failure::{Failure, say};

/// Hands over every workload, and says what the store has to say.
pub(super) fn each(
    store: &mut LanceStore,
    mut each: impl FnMut(Portion) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut outcome = Ok(());
    let notices = store.load(&mut |workload, record, rows| {
        if outcome.is_ok() {
            outcome = each(Portion { workload, record, rows });
        }
    })?;
    notices.iter().for_each(|notice| say(notice));
    outcome
}
