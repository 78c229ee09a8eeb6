//! The page as people use it: in a real Chromium, before the real server, with generated data that has ten thousand
//! findings and texts made to fool whoever shows them.
//!
//! Pictures of every view stay in the target directory, under `tmp/page`, for whoever changes how it looks. With
//! `ANOMALY_PAGE=DIR` the page's files come from there instead of the program, so that a change needs no build.

#[path = "../../examples/fixture/fake/mod.rs"]
mod fake;
mod support;
mod webdriver;

mod away;
mod decisions;
mod health;
mod keyboard;
mod lanes;
mod links;
mod looks;
mod many;
mod safety;
mod searching;
