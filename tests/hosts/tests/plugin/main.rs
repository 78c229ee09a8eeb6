//! The built library in a real libsinsp: what rules see of executions that the tests make up.

mod carried;
mod falco;
mod fields;
mod filters;
mod kinds;
mod rules;
mod scenario;
mod volume;
