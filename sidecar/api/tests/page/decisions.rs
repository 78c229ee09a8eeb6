//! What a person decides reaches the daemon, and is told before and after.

use std::time::Instant;

use anomaly_api::model::{HeldQuery, RowsState};
use anomaly_api::{Caller, Service};

use crate::support::Page;

/// The state of a row that the fixture has.
fn state_of(page: &Page, row: &str) -> Option<String> {
    let of = |state| {
        let query = HeldQuery { state: Some(state), limit: Some(200), ..HeldQuery::default() };
        let held = page.service.held(&query).expect("the fixture has some");
        assert_eq!(held.next, None, "all are on one page");
        held.groups
    };
    let groups = [RowsState::Held, RowsState::Denied, RowsState::Learned].into_iter().flat_map(of);
    groups.into_iter().flat_map(|group| group.rows).find(|known| known.id == row).map(|known| known.state)
}

#[test]
fn approving_one_execution_of_a_finding() {
    let Some(page) = Page::open(300) else { return };
    // A finding whose row is held, of a group with more than one.
    page.visit("#/findings");
    page.wait("document.querySelectorAll('main .finding').length > 0");
    let addresses = page.value("[...document.querySelectorAll('a.item')].map((a) => a.hash)");
    let mut tried = 0;
    for address in addresses.as_array().unwrap() {
        page.visit(address.as_str().unwrap());
        tried += 1;
        if page.text("h1 + .verdict").contains("held") && page.count("main button.approve") == 1 {
            break;
        }
    }
    assert!(page.text("h1 + .verdict").contains("held"), "none of {tried} findings is held");
    let row = page.value("document.querySelector('button.approve').dataset.key.split(' ')[1]");
    let row = row.as_str().unwrap();
    assert_eq!(state_of(&page, row).as_deref(), Some("held"));

    page.browser.click("main button.approve");
    let question = page.text("dialog");
    assert!(
        question.contains("becomes normal") && question.contains("1 distinct execution of"),
        "{question}"
    );
    // Cancelled, nothing happens.
    page.browser.click("dialog button[type=button]");
    page.wait("document.querySelector('dialog') === null");
    assert_eq!(state_of(&page, row).as_deref(), Some("held"));

    page.browser.click("main button.approve");
    page.browser.press("a deployment");
    page.browser.click("dialog button.primary");
    page.wait("document.getElementById('outcome').innerText.includes('in force')");
    assert_eq!(state_of(&page, row).as_deref(), Some("learned"));
    page.wait("document.querySelector('h1 + .verdict').innerText.includes('learned')");
    assert_eq!(page.count("main button.approve"), 0, "what is learned needs no approval");

    page.visit("#/decisions");
    let said = page.text("ol.decisions");
    assert!(said.contains("approve") && said.contains("a deployment"), "{said}");
    page.is_clean();
}

#[test]
fn denying_and_forgetting_a_group() {
    let Some(page) = Page::open(300) else { return };
    page.visit("#/held");
    let first = page.service.held(&HeldQuery::default()).unwrap().groups.swap_remove(0);
    page.browser.click(&format!("button[data-key='deny {}']", first.id));
    assert!(page.text("dialog .consequence").contains("never becomes normal"));
    page.browser.click("dialog button.primary");
    page.wait("document.getElementById('outcome').innerText.includes('denied')");
    assert!(first.rows.iter().all(|row| state_of(&page, &row.id).as_deref() == Some("denied")));
    page.wait(&format!("document.querySelector(\"[data-key='deny {}']\") === null", first.id));

    page.visit("#/held?state=denied");
    page.browser.click(&format!("button[data-key='forget {}']", first.id));
    page.browser.click("dialog button.primary");
    page.wait("document.getElementById('outcome').innerText.includes('forgot')");
    assert!(first.rows.iter().all(|row| state_of(&page, &row.id).is_none()));
    page.is_clean();
}

#[test]
fn what_is_approved_is_what_was_shown() {
    let Some(page) = Page::open(300) else { return };
    let query = HeldQuery::default();
    let groups = page.service.held(&query).unwrap().groups;
    let group = groups.iter().find(|group| group.executions > 2).expect("the fixture has groups of three");
    let row = |at: usize| group.rows[at].id.clone();
    let deny = |ids: Vec<String>| {
        let decision = serde_json::json!({ "action": "deny", "ids": ids });
        let decision = serde_json::from_value(decision).unwrap();
        page.service.decide(&decision, Caller::Token, Instant::now()).unwrap()
    };
    // One of it is denied, and what is denied is listed; approving that leaves alone what is held.
    deny(vec![row(0)]);
    page.visit("#/held?state=denied");
    page.browser.run(&format!("document.querySelector(\"[data-key='approve {}']\").click()", group.id));
    let question = page.text("dialog .consequence");
    page.browser.click("dialog button.primary");
    page.wait("document.getElementById('outcome').innerText.includes('approved')");
    assert_eq!(state_of(&page, &row(0)).as_deref(), Some("learned"), "{question}");
    assert_eq!(state_of(&page, &row(1)).as_deref(), Some("held"), "{question}");

    // What changes while the question is open is not decided: it is looked at again.
    page.visit("#/held");
    page.browser.run(&format!("document.querySelector(\"[data-key='approve {}']\").click()", group.id));
    deny(vec![row(1)]);
    page.browser.click("dialog button.primary");
    page.wait("document.querySelector('dialog .failure').innerText.length > 10");
    assert_eq!(page.value("document.querySelector('dialog button.primary').disabled"), true);
    assert_eq!(state_of(&page, &row(1)).as_deref(), Some("denied"));
    assert_eq!(state_of(&page, &row(2)).as_deref(), Some("held"));
}

#[test]
fn what_may_have_been_taken_is_not_offered_again() {
    let Some(page) = Page::open(300) else { return };
    page.visit("#/held");
    page.browser.run(
        r#"window.really = fetch;
        window.fetch = (path, options) => options.method === 'POST'
            ? Promise.resolve(new Response('{"error":{"code":"too_slow","message":"not known in time"}}', { status: 504 }))
            : window.really(path, options);"#,
    );
    page.browser.run("document.querySelector('main button.deny').click()");
    page.browser.click("dialog button.primary");
    page.wait("document.querySelector('dialog .failure').innerText.includes('may have been taken')");
    assert_eq!(page.count("dialog button.primary"), 0, "the same is not sent twice by one more click");
    page.browser.click("dialog .failure a");
    page.wait("document.querySelector('dialog') === null && location.hash === '#/decisions'");
}

#[test]
fn a_window_for_a_deployment_and_a_refusal() {
    let Some(page) = Page::open(100) else { return };
    page.visit("#/workload/nginx.service");
    page.browser.click("main .card button");
    assert!(page.text("dialog").contains("also what an attacker runs"));
    page.browser.press("release 12");
    page.browser.click("dialog button.primary");
    page.wait("document.getElementById('outcome').innerText.includes('learns at once')");
    let given = page.service.decisions().unwrap();
    assert_eq!(
        (given[0].action.as_str(), given[0].seconds, given[0].why.as_str()),
        ("learn", 3_600, "release 12")
    );

    // What the daemon refuses is told in its own words, and the question stays.
    page.visit("#/held");
    page.browser.run("document.querySelector('main button.approve').click()");
    page.browser.run("document.querySelector('dialog textarea').removeAttribute('maxlength')");
    page.browser.run("document.querySelector('dialog textarea').value = 'x'.repeat(2000)");
    page.browser.click("dialog button.primary");
    page.wait("document.querySelector('dialog .failure').innerText.length > 10");
    assert_eq!(page.service.decisions().unwrap().len(), 1);
}
