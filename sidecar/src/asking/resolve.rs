//! From the ids that alerts and findings carry to the rows and groups that the commands work on.
//!
//! Rows and groups have ids that are computed from the database. An execution's id is known to the daemon alone, which
//! remembers for a while what was novel; so it is asked, where it can be.

use anomaly_api::{Client, ClientError, execution_id};
use anomaly_config::Config;
use serde_json::Value;

use crate::failure::Failure;
use crate::paths;

/// The status with which the daemon says that it does not know an id.
const NOT_FOUND: u16 = 404;

/// What the daemon alone knows.
#[derive(Debug, PartialEq, Eq)]
enum Known {
    /// An execution, by its 32 digits.
    Execution(String),
    /// A finding.
    Finding(String),
}

/// The id of the row or group that a text means where it is the id of an execution, as digits or as the UUID of an alert,
/// or of a finding; `None` where it is neither.
///
/// # Errors
/// Where it is, and the daemon cannot be asked or does not know it.
pub(crate) fn row_or_group(text: &str, config: &Config) -> Result<Option<String>, Failure> {
    let Some(known) = read(text) else { return Ok(None) };
    let client = Client::new(&paths::socket(config)?);
    let found = match &known {
        Known::Execution(id) => row(&client, id),
        Known::Finding(id) => group(&client, id),
    };
    match found {
        Ok(Some(id)) => Ok(Some(id)),
        Ok(None) => Err(Failure::new(format!(
            "what {text} is about is not among what its workload knows any more; `anomalyctl findings` and `held` list the \
             groups that are"
        ))),
        Err(ClientError::Refused { status: NOT_FOUND, .. }) => Err(Failure::new(match known {
            Known::Execution(_) => format!(
                "the daemon remembers no execution {text}: what was not novel is forgotten first; give the group (g...) \
                 that the alert names"
            ),
            Known::Finding(_) => {
                format!("no finding has the id {text} any more; `anomalyctl findings` lists them")
            }
        })),
        Err(error) => Err(Failure::new(format!(
            "{text} is an id that only the daemon can look up: {error}; the group (g...) that an alert names needs none"
        ))),
    }
}

/// That the daemon knows what the database does not have: rows are written a moment after they were scored.
pub(crate) fn not_saved(text: &str, id: &str) -> Failure {
    Failure::new(format!(
        "{text} is {id} to the daemon, and the database has nothing of this id yet: try again in a moment, and see that \
         --data, --org or --config are those of the daemon"
    ))
}

/// The row of an execution; `None` where it is gone.
fn row(client: &Client, id: &str) -> Result<Option<String>, ClientError> {
    let detail = client.get(&format!("/v1/executions/{id}"), &[])?;
    Ok(detail.pointer("/now/row/id").and_then(Value::as_str).map(str::to_owned))
}

/// The group of a finding.
fn group(client: &Client, id: &str) -> Result<Option<String>, ClientError> {
    let finding = client.get(&format!("/v1/findings/{id}"), &[])?;
    Ok(finding["group"].as_str().map(str::to_owned))
}

/// What a text is the id of, by its form.
fn read(text: &str) -> Option<Known> {
    // UUIDs are written in capitals, too.
    let text = text.to_ascii_lowercase();
    if let Some(id) = execution_id(&text) {
        return Some(Known::Execution(id));
    }
    let digits = text.strip_prefix('f').filter(|digits| digits.len() == 16)?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(Known::Finding(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_executions_and_findings_are_told_by_their_form() {
        let execution = Some(Known::Execution("754d853067d641f9a3a5d1f00c0ffee1".into()));
        assert_eq!(read("754d853067d641f9a3a5d1f00c0ffee1"), execution);
        assert_eq!(read("754d8530-67d6-41f9-a3a5-d1f00c0ffee1"), execution);
        assert_eq!(read("754D8530-67D6-41F9-A3A5-D1F00C0FFEE1"), execution);
        assert_eq!(read("f0123456789abcdef"), Some(Known::Finding("f0123456789abcdef".into())));
        for text in [
            "",
            "-",
            "curl *",
            "f01234567",
            "r0123456789abcdef",
            "754d8530-67d6-41f9-a3a5d1f00c0ffee1a",
            "754d853067d641f9a3a5d1f00c0ffee",
            "zzzd853067d641f9a3a5d1f00c0ffee1",
            "é54d853067d641f9a3a5d1f00c0ffee",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
