//! What the daemon remembers of what it scored, and how it answers questions about it.
//!
//! The way of an execution through `anomalyctl run`: capture, engine, [`scored`](scored::scored), then here
//! ([`History`], [`Timeline`]) and to the sinks. [`Answers`] is the API's [`Service`](anomaly_api::Service) over all of
//! them. Nothing here knows how the database is stored: decisions go through [`Decisions`], which whoever opens it
//! implements, so that this crate is tested without one.

mod answers;
pub mod groups;
mod history;
pub mod ids;
mod journal;
mod notices;
pub mod scored;
mod sense;
mod timeline;

pub use answers::{About, Answers, Decisions, Meaning, Parts};
pub use history::{Bounds, History};
pub use journal::{Journal, JournalError, Unread};
pub use notices::Notices;
pub use sense::{Sense, Senses};
pub use timeline::Timeline;
