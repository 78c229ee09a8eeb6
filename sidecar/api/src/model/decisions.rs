//! What people decide, and what waits for them.

use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type,
};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::inspection::KnownRow;
use super::whole;
use crate::check::{LONGEST_NAME, LONGEST_TEXT, LONGEST_WINDOW, MOST_IDS};

/// Which held executions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HeldQuery {
    /// Only of workloads that this name or pattern (`*`, `?`) matches.
    #[param(min_length = 1, max_length = 250)]
    pub workload: Option<String>,
    /// `held` where nothing is said, `denied` or `learned`.
    #[param(value_type = Option<String>, pattern = "^(held|denied|learned)$")]
    pub state: Option<RowsState>,
    /// Only the group of this id.
    #[param(pattern = "^g[0-9a-f]{16}$")]
    pub group: Option<String>,
    /// How many groups at most; 50 where nothing is said.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// Go on behind an earlier answer: its `next`.
    #[param(pattern = "^-?[0-9]{1,18}\\.g[0-9a-f]{16}$")]
    pub after: Option<String>,
}

/// What rows count for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RowsState {
    /// They wait for a decision.
    #[default]
    Held,
    /// They never become normal.
    Denied,
    /// They are normal.
    Learned,
}

impl RowsState {
    /// As a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Denied => "denied",
            Self::Learned => "learned",
        }
    }
}

/// A page of groups.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Held {
    /// The groups, the one that was seen last first.
    pub groups: Vec<HeldGroup>,
    /// How many groups there are, those of other pages too.
    pub total: usize,
    /// How many rows all of them have.
    pub executions: usize,
    /// What goes on behind this page as `after`; `null` where it is the last.
    pub next: Option<String>,
}

/// Rows that a person sees as one thing: those of one alert group that are in one state.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct HeldGroup {
    /// `g` and 16 hexadecimal digits: what approve, deny and forget take, with `state` and `executions`.
    pub id: String,
    /// What the rows count for.
    pub state: RowsState,
    /// Whose.
    pub workload: String,
    /// The parent's name.
    pub parent: String,
    /// The name.
    pub name: String,
    /// The user id.
    pub uid: u32,
    /// How many rows.
    pub executions: usize,
    /// How often they were seen together.
    pub seen: u64,
    /// On how many days.
    pub days: u32,
    /// The first time.
    pub first_seen: f64,
    /// The last time.
    pub last_seen: f64,
    /// What the most novel of the latest three would score now; `null` while its workload learns, and for learned rows.
    pub score: Option<f64>,
    /// Its threshold now.
    pub threshold: Option<f64>,
    /// Why, in words.
    pub reason: Option<String>,
    /// The nearest learned command line.
    pub nearest: Option<String>,
    /// The rows, the one that was seen last first, at most 20.
    pub rows: Vec<HeldRow>,
}

/// One of them.
pub type HeldRow = KnownRow;

/// What a person can decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DecisionAction {
    /// Becomes normal.
    Approve,
    /// Never becomes normal.
    Deny,
    /// Gone, as if never seen.
    Forget,
    /// Everything that the workload runs for a while is learned at once.
    Learn,
}

/// A decision: about rows and groups, or, to learn, about a workload.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// What.
    pub action: DecisionAction,
    /// About which rows or groups: whole ids, `r...` or `g...`. 1 to 1,000, but none with `learn`.
    #[serde(default)]
    pub ids: Vec<String>,
    /// Which rows of the groups: those that are held where nothing is said. Where it is said, rows that are named by their
    /// own ids are expected to be in this state too.
    pub state: Option<RowsState>,
    /// How many rows that is, as they were shown: a decision about another number is refused.
    #[serde(default, deserialize_with = "whole::option")]
    pub executions: Option<u64>,
    /// Of which workload, with `learn`.
    pub workload: Option<String>,
    /// For how long, with `learn`: at most 31 days.
    #[serde(default, deserialize_with = "whole::option")]
    pub seconds: Option<u64>,
    /// Why, for the record; at most 1,000 characters.
    #[serde(default)]
    pub why: String,
}

// Which keys go together is more than a derive can say.
impl PartialSchema for Decision {
    fn schema() -> RefOr<Schema> {
        let null = || ObjectBuilder::new().schema_type(Type::Null);
        let why = || {
            let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(LONGEST_TEXT));
            text.description(Some("Why, for the record."))
        };
        let id = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[rg][0-9a-f]{16}$"));
        let ids = ArrayBuilder::new().items(id).min_items(Some(1)).max_items(Some(MOST_IDS));
        let action = |actions: &[&str]| {
            ObjectBuilder::new().schema_type(Type::String).enum_values(Some(actions.iter().copied()))
        };
        let about_rows = ObjectBuilder::new()
            .property("action", action(&["approve", "deny", "forget"]))
            .property("ids", ids.description(Some("About which rows or groups.")))
            .property(
                "state",
                ObjectBuilder::new()
                    .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
                    .enum_values(Some([Some("held"), Some("denied"), Some("learned"), None]))
                    .description(Some(
                        "Which rows of the groups: those that are held where nothing is said. Where it is said, rows that \
                         are named by their own ids are expected to be in this state too.",
                    )),
            )
            .property(
                "executions",
                ObjectBuilder::new()
                    .schema_type(SchemaType::from_iter([Type::Integer, Type::Null]))
                    .minimum(Some(1))
                    .description(Some(
                        "How many rows that is, as they were shown: where it is another number by now, nothing is decided.",
                    )),
            )
            .property("workload", null())
            .property("seconds", null())
            .property("why", why())
            .required("action")
            .required("ids");
        let workload =
            ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(LONGEST_NAME));
        let seconds =
            ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(LONGEST_WINDOW));
        let learn = ObjectBuilder::new()
            .property("action", action(&["learn"]))
            .property("workload", workload.description(Some("In which workload.")))
            .property("seconds", seconds.description(Some("For how long: at most 31 days.")))
            .property("ids", ArrayBuilder::new().max_items(Some(0)))
            .property("state", null())
            .property("executions", null())
            .property("why", why())
            .required("action")
            .required("workload")
            .required("seconds");
        let either = [about_rows, learn].into_iter().fold(OneOfBuilder::new(), |either, shape| {
            either.item(shape.additional_properties(Some(AdditionalProperties::FreeForm(false))))
        });
        either.description(Some("A decision: about rows and groups, or, to learn, about a workload.")).into()
    }
}

impl ToSchema for Decision {}

/// What became of a decision.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Decided {
    /// Rows that it is about.
    pub executions: usize,
    /// Whether it is in force already. Otherwise it is written down, and will be.
    pub applied: bool,
    /// Per workload.
    pub outcomes: Vec<Outcome>,
}

/// What became of it in one workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Outcome {
    /// Whose.
    pub workload: String,
    /// In words; `null` while it is only written down.
    pub outcome: Option<String>,
}

/// A decision that was given.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct GivenDecision {
    /// When.
    pub time: f64,
    /// By whom, by name.
    pub who: String,
    /// By which user id.
    pub uid: u32,
    /// `approve`, `deny`, `forget`, `learn`.
    pub action: String,
    /// In which workload.
    pub workload: String,
    /// What was asked for, as it was written.
    pub asked: String,
    /// Why.
    pub why: String,
    /// How many rows were meant.
    pub executions: usize,
    /// For how long, with `learn`.
    pub seconds: u64,
    /// What came of it; `null` while nobody has taken it up.
    pub outcome: Option<String>,
}
