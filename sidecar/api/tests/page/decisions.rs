//! What a person decides reaches the daemon, and is told before and after.

use anomaly_api::Service;
use anomaly_api::model::HeldQuery;

use crate::support::Page;

/// The fixture's id of the row that is looked at, and its state.
fn state_of(page: &Page, row: &str) -> Option<String> {
    let query = HeldQuery { state: Some("all".to_owned()), ..HeldQuery::default() };
    let groups = page.service.held(&query).expect("the fixture holds some");
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
    let first = page.service.held(&HeldQuery::default()).unwrap().swap_remove(0);
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
