//! A back-test's report as a page.

mod sections;

use crate::report::Report;

/// The page.
pub fn page(report: &Report) -> String {
    anomaly_page::page("Back-test of anomaly scores", |html| sections::write(html, report))
}
