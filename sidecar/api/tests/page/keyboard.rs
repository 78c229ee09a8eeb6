//! Everything can be done without a pointer, and where the focus is can be seen.

use std::time::Instant;

use anomaly_api::Service;

use crate::support::{ENTER, ESCAPE, Page, TAB};

const FOCUS_IS_SEEN: &str = "(() => {
    const style = getComputedStyle(document.activeElement);
    return document.activeElement !== document.body && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
})()";

#[test]
fn from_load_to_approved_by_keyboard() {
    let Some(page) = Page::open(200) else { return };
    let press = |key: char| page.browser.press(&key.to_string());
    // The first stop leads past the head of the page.
    press(TAB);
    assert_eq!(page.value("document.activeElement.id"), "skip");
    page.wait(FOCUS_IS_SEEN);
    press(ENTER);
    assert_eq!(page.value("document.activeElement.tagName"), "H1");

    // By Tab alone to the first finding, every stop visible.
    let mut stops = 0;
    while page.value("document.activeElement.classList.contains('item')") != true {
        press(TAB);
        page.wait(FOCUS_IS_SEEN);
        stops += 1;
        assert!(stops < 60, "the findings are out of reach");
    }
    // By single keys along the list.
    let first = page.value("document.activeElement.dataset.key");
    page.browser.press("j");
    assert_ne!(page.value("document.activeElement.dataset.key"), first);
    page.browser.press("k");
    assert_eq!(page.value("document.activeElement.dataset.key"), first);

    press(ENTER);
    page.wait("location.hash.startsWith('#/finding/')");
    page.settled();
    page.wait("document.activeElement.tagName === 'H1'");
    let mut stops = 0;
    while page.value("document.activeElement.matches('button.deny, button.approve')") != true {
        press(TAB);
        stops += 1;
        assert!(stops < 12, "the decision is out of reach");
    }
    page.wait(FOCUS_IS_SEEN);
    press(ENTER);
    page.wait("document.activeElement.matches('dialog textarea')");
    // Away and back: the focus returns to where it was.
    press(ESCAPE);
    page.wait("document.querySelector('dialog') === null");
    page.wait("document.activeElement.matches('button.deny, button.approve')");
    press(ENTER);
    page.browser.press("seen");
    press(TAB);
    press(ENTER);
    page.wait("document.getElementById('outcome').innerText !== ''");
    assert_eq!(page.service.decisions().unwrap()[0].why, "seen");
    page.is_clean();
}

#[test]
fn single_keys_and_how_to_switch_them_off() {
    let Some(page) = Page::open(50) else { return };
    page.browser.press("/");
    assert_eq!(page.value("document.activeElement.id"), "words");
    page.browser.press("curl");
    page.browser.press(&ENTER.to_string());
    page.wait("location.hash === '#/search?q=curl'");
    page.wait("document.querySelector('.sum')?.innerText.includes('among') === true");
    assert!(page.count("main mark") > 0);
    page.browser.press("g");
    page.wait("location.hash === '#/'");
    page.settled();
    page.browser.press("?");
    assert!(page.text("dialog").contains("Page Up"));
    page.browser.click("dialog input");
    page.browser.press(&ESCAPE.to_string());
    page.wait("document.querySelector('dialog') === null");
    page.browser.press("/");
    assert_ne!(page.value("document.activeElement.id"), "words");
    page.is_clean();
}

#[test]
fn names_for_who_does_not_see_the_page() {
    let Some(page) = Page::open(200) else { return };
    for view in ["#/", "#/findings", "#/held", "#/workloads", "#/search?q=curl", "#/decisions", "#/health"] {
        page.visit(view);
        let nameless = page.value(
            "[...document.querySelectorAll('a, button, input, select, textarea, [role=slider], [role=region], nav, form, progress, svg[role=img]')]
                .filter((node) => !(node.getAttribute('aria-label') || node.textContent.trim() || node.labels?.[0]?.textContent.trim()))
                .map((node) => node.outerHTML.slice(0, 120))",
        );
        assert_eq!(nameless, serde_json::json!([]), "{view}");
        assert_eq!(
            page.count(":is(nav, form, section, [role=region]):not([aria-label], [aria-labelledby])"),
            0,
            "{view}"
        );
        assert_eq!(page.count("h1"), 1, "{view}");
        assert_eq!(page.count("main"), 1, "{view}");
        let twice = page.value("(() => { const ids = [...document.querySelectorAll('[id]')].map((node) => node.id); return ids.length - new Set(ids).size; })()");
        assert_eq!(twice, 0, "{view}: an id twice");
    }
    assert!(page.count("[role=status]") >= 2);
}

#[test]
fn a_refresh_keeps_the_focus_and_what_is_open() {
    let Some(page) = Page::open(300) else { return };
    page.visit("#/held");
    let groups = page.service.held(&Default::default()).unwrap().groups;
    let group = groups.iter().find(|group| group.rows.len() > 2).expect("the fixture has groups of three");
    let (deny, rows) = (format!("[data-key='deny {}']", group.id), format!("[data-key='rows {}']", group.id));
    page.browser.run(&format!(
        "document.querySelector(\"{rows}\").open = true; document.querySelector(\"{deny}\").focus()"
    ));
    // Another person forgets first a group elsewhere and then one of the rows that are looked at.
    for id in [&groups.last().unwrap().id, &group.rows[2].id] {
        let decision =
            serde_json::from_value(serde_json::json!({ "action": "forget", "ids": [id], "why": "" }))
                .unwrap();
        let before = page.text(".sum");
        page.service.decide(&decision, anomaly_api::Caller::Token, Instant::now()).unwrap();
        page.refresh();
        page.wait(&format!("document.querySelector('.sum').innerText !== {}", serde_json::json!(before)));
        assert_eq!(page.value("document.activeElement.dataset.key"), format!("deny {}", group.id));
        assert_eq!(page.value(&format!("document.querySelector(\"{rows}\").open")), true);
    }
}
