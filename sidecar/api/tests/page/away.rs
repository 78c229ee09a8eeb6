//! A daemon that goes away, and one that asks for a token.

use std::time::Instant;

use anomaly_api::Service;
use serde_json::json;

use crate::support::{ENTER, Page, TOKEN};

#[test]
fn a_daemon_that_goes_away_and_comes_back_is_noticed() {
    let Some(mut page) = Page::open(100) else { return };
    let before = page.text("ol.findings");
    page.stop_server();
    page.refresh();
    page.wait("document.getElementById('trouble').innerText.includes('does not answer')");
    page.wait("document.body.classList.contains('stale')");
    assert_eq!(page.text("ol.findings"), before, "what was known stays to be read");
    page.picture("away-light");
    // Every five seconds it tries again by itself.
    page.start_server();
    page.wait("document.getElementById('outcome').innerText.includes('answers again')");
    page.wait("!document.body.classList.contains('stale')");
    page.wait("!document.getElementById('trouble').innerText.includes('does not answer')");
    assert_eq!(page.value("window.wrong"), json!([]));
}

#[test]
fn what_is_busy_is_asked_again_and_what_is_refused_can_be_mended() {
    let Some(page) = Page::open(100) else { return };
    page.visit("#/held");
    let before = page.text("main");
    page.browser.run(
        r#"window.really = fetch;
        window.fetch = async () => new Response('{"error":{"code":"busy","message":"too many <b>questions</b>"}}', { status: 503 });"#,
    );
    page.refresh();
    page.wait("document.getElementById('trouble').innerText.includes('too many <b>questions</b>')");
    assert_eq!(page.text("main"), before, "what was known stays to be read");
    page.browser.run("window.fetch = window.really");
    page.wait("document.getElementById('outcome').innerText.includes('answers again')");

    // The daemon has no model: it says so, and the form stays.
    page.visit("#/search?q=curl&mode=semantic");
    assert!(page.text("main [role=alert]").contains("search.model"));
    page.browser.run("document.querySelector('select[name=mode]').value = 'words'");
    page.browser.click("main form .primary");
    page.wait("document.querySelectorAll('main .finding').length > 0");
    assert_eq!(page.count("main [role=alert]"), 0);
}

#[test]
fn a_daemon_that_stays_busy_is_asked_ever_less_often() {
    let Some(page) = Page::open(40) else { return };
    // Time passes as fast as this test wants: what the page waits for is noted, and comes at once.
    page.browser.run(
        r#"window.waits = [];
        const later = setTimeout;
        window.setTimeout = (call, time, ...rest) => { waits.push(time); return later(call, Math.min(time, 20), ...rest); };
        window.fetch = async () => new Response('{"error":{"code":"too_slow","message":"it takes longer"}}', { status: 504 });"#,
    );
    page.refresh();
    page.wait("waits.length >= 7");
    assert_eq!(
        page.value("waits.slice(0, 7)"),
        json!([5_000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000]),
        "twice as long after each time, a minute at most"
    );
}

#[test]
fn a_long_answer_is_waited_for() {
    let Some(page) = Page::open(40) else { return };
    // Longer than api.timeout may be: what is under way is not asked a second time.
    page.browser.run(
        "window.patience = [];
         const really = AbortSignal.timeout;
         AbortSignal.timeout = (time) => { patience.push(time); return really.call(AbortSignal, time); };",
    );
    page.refresh();
    page.wait("patience.length > 0");
    assert_eq!(page.value("patience.every((time) => time > 60000)"), true);
}

#[test]
fn a_token_of_any_signs_is_taken_whole_and_leaves_the_address() {
    let Some(page) = Page::serve(40) else { return };
    for (given, taken) in [
        ("a%b-100%-%zz-%ff-of-signs", Some("a%b-100%-%zz-%ff-of-signs")),
        ("one&two=three&token=four-and-more", Some("one&two=three&token=four-and-more")),
        ("a%26b%25c-as-it-is-encoded", Some("a&b%c-as-it-is-encoded")),
        // What cannot be sent is asked for like one that is wrong.
        ("%00%0a-control-characters-%e2%80%ae", None),
    ] {
        page.browser.run("sessionStorage.clear()");
        page.browser.open("about:blank");
        page.browser.open(&format!("http://{}/#token={given}", page.address));
        page.wait("location.hash === '#/'");
        // None of them is the daemon's: it says so, and the page goes on.
        page.wait("document.querySelector('main [role=alert]')?.innerText.includes('did not take') === true");
        assert_eq!(page.value("document.documentElement.outerHTML.includes('of-signs')"), false);
        assert_eq!(page.value("window.wrong"), json!([]), "{given}");
        let Some(taken) = taken else { continue };
        page.browser.run(
            "window.sent = [];
             const really = fetch;
             window.fetch = (path, options) => { sent.push(options.headers.Authorization); return really(path, options); };",
        );
        page.browser.run(&format!("location.hash = '#token={given}'"));
        page.wait("sent.length > 0");
        assert_eq!(page.value("sent[0]"), json!(format!("Bearer {taken}")));
        assert_eq!(page.value("location.hash"), "#/");
    }
}

#[test]
fn it_asks_anew_by_itself_and_can_be_paused() {
    let Some(page) = Page::open(60) else { return };
    page.browser.click("#pause");
    assert_eq!(page.value("document.getElementById('pause').getAttribute('aria-pressed')"), "true");
    page.visit("#/held");
    let first = page.service.held(&Default::default()).unwrap().groups.swap_remove(0);
    let decision =
        serde_json::from_value(json!({ "action": "forget", "ids": [first.id], "why": "" })).unwrap();
    page.service.decide(&decision, anomaly_api::Caller::Token, Instant::now()).unwrap();
    let there = format!("document.querySelector(\"[data-key='deny {}']\") !== null", first.id);
    assert_eq!(page.value(&there), true);
    page.browser.click("#pause");
    page.wait(&format!("!({there})"));
    // And by the clock, without anybody touching it.
    let second = page.service.held(&Default::default()).unwrap().groups.swap_remove(0);
    let decision =
        serde_json::from_value(json!({ "action": "forget", "ids": [second.id], "why": "" })).unwrap();
    page.service.decide(&decision, anomaly_api::Caller::Token, Instant::now()).unwrap();
    page.wait(&format!("document.querySelector(\"[data-key='deny {}']\") === null", second.id));
    page.is_clean();
}

#[test]
fn the_token_is_asked_for_and_stays_out_of_the_address() {
    let Some(page) = Page::serve(40) else { return };
    // Nothing but the form without one, wherever a link leads.
    page.browser.open(&format!("http://{}/#/held", page.address));
    page.wait("document.activeElement?.id === 'token'");
    assert_eq!(page.count(".finding"), 0);
    page.picture("token-light");
    page.browser.press("a-wrong-token-of-some-length");
    page.browser.press(&ENTER.to_string());
    page.wait("document.querySelector('main [role=alert]')?.innerText.includes('did not take') === true");
    page.browser.press(TOKEN);
    page.browser.press(&ENTER.to_string());
    page.wait("document.querySelector('h1')?.innerText === 'Held' && document.querySelectorAll('.finding').length > 0");
    assert_eq!(page.value("location.hash"), "#/held");

    // In the fragment once: gone from the address and from the way back.
    page.browser.run("sessionStorage.clear()");
    page.browser.open("about:blank");
    page.browser.open(&format!("http://{}/#token={TOKEN}", page.address));
    page.settled();
    assert_eq!(page.value("location.hash"), "#/");
    assert!(page.count(".finding") > 0);
    page.visit("#/health");
    assert_eq!(page.value(&format!("document.documentElement.outerHTML.includes({})", json!(TOKEN))), false);
    assert_eq!(page.value("document.cookie"), "");
    assert_eq!(page.value("localStorage.length"), 0);
    assert_eq!(page.value("window.wrong"), json!([]));
}
