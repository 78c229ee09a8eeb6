//! What is wrong with the daemon, in words.

use anomaly_api::Service;

use crate::support::Page;

#[test]
fn a_loss_is_told_by_what_it_takes_away() {
    let Some(page) = Page::open(20) else { return };
    let health = page.service.health();
    assert!(health.feed.unresolved > 0 && health.store.failed_saves > 0, "which is no loss");
    page.visit("#/health");
    let wrong = page.text("main ul[aria-label='What is wrong']");
    for said in ["17 executions not seen", "1 execution not learned"] {
        assert!(wrong.contains(said), "{wrong}");
    }
    assert!(!wrong.contains("score"), "nothing was without one: {wrong}");
    let losses = page.text("main section[aria-label='Losses']");
    assert!(losses.contains("queue") && losses.contains("no_room"), "{losses}");
    let feed = page.text("main section[aria-label='Feed']");
    assert!(feed.to_lowercase().contains("image unknown"), "{feed}");
    page.is_clean();
}
