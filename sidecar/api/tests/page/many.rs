//! Ten thousand findings.

use anomaly_api::Service;
use anomaly_api::model::HeldQuery;

use crate::support::{Page, TOKEN};

/// More elements than this make a browser on a phone slow. No view comes near.
const ELEMENTS: u64 = 6_000;

#[test]
fn ten_thousand_findings_are_read_by_the_page() {
    let Some(page) = Page::serve(10_000) else { return };
    page.browser.open(&format!("http://{}/#token={TOKEN}", page.address));
    page.wait("window.ready > 0");
    println!(
        "10,000 findings: the latest are there after {:.0} ms, the longest task took {:.0} ms, {} elements",
        page.value("window.ready").as_f64().unwrap(),
        page.value("window.longest").as_f64().unwrap(),
        page.count("*"),
    );
    for view in [
        "#/",
        "#/findings",
        "#/held",
        "#/held?state=learned",
        "#/workloads",
        "#/search?q=sh",
        "#/health",
        "#/decisions",
    ] {
        page.visit(view);
        let elements = page.count("*");
        assert!(elements < ELEMENTS, "{view} has {elements} elements");
    }

    page.visit("#/findings");
    let ids = || page.value("[...document.querySelectorAll('a.item')].map((a) => a.dataset.key)");
    let first = ids();
    assert_eq!(first.as_array().unwrap().len(), 50);
    assert!(page.text(".sum").contains("of 10,000 findings"), "{}", page.text(".sum"));
    let mut seen = first.as_array().unwrap().clone();
    for turned in 1..=4 {
        page.browser.run("document.querySelector('.pages a[rel=next]').click()");
        page.wait(&format!("document.querySelector('.sum')?.innerText.startsWith('{}')", turned * 50 + 1));
        let shown = ids();
        assert!(shown.as_array().unwrap().iter().all(|id| !seen.contains(id)), "a finding came twice");
        seen.extend(shown.as_array().unwrap().clone());
    }
    assert_eq!(seen.len(), 250);
    assert!(page.count("*") < ELEMENTS);
    // Back, and to where it began.
    page.browser.run("history.back()");
    page.wait("document.querySelector('.sum')?.innerText.startsWith('151')");
    page.browser.run("document.querySelector('.pages [data-key=newest]').click()");
    page.wait("document.querySelector('.sum')?.innerText.startsWith('1\\u2013')");
    page.wait("document.querySelectorAll('a.item').length === 50");
    assert_eq!(ids(), first);
    page.is_clean();
}

#[test]
fn what_is_held_is_turned_over_page_by_page() {
    let Some(page) = Page::open(2_000) else { return };
    page.visit("#/held");
    let ids = || page.value("[...document.querySelectorAll('h3.item')].map((h) => h.dataset.key)");
    let first = ids().as_array().unwrap().clone();
    assert_eq!(first.len(), 50);
    let total = page.service.held(&Default::default()).unwrap().total;
    let sum = page.text(".sum");
    assert!(sum.starts_with(&format!("1\u{2013}50 of {total} groups")), "{sum}");
    let mut seen = first.clone();
    while page.count(".pages a[rel=next]") > 0 {
        page.browser.run("document.querySelector('.pages a[rel=next]').click()");
        page.wait(&format!(
            "document.querySelector('.sum')?.innerText.startsWith('{}\\u2013')",
            seen.len() + 1
        ));
        seen.extend(ids().as_array().unwrap().clone());
    }
    assert_eq!(seen.len(), total);
    seen.sort_by_key(ToString::to_string);
    seen.dedup();
    assert_eq!(seen.len(), total, "a group came twice");
    page.browser.run("document.querySelector('.pages [data-key=newest]').click()");
    page.wait("document.querySelector('.sum')?.innerText.startsWith('1\\u2013')");
    assert_eq!(ids().as_array().unwrap(), &first);
    page.is_clean();
}

#[test]
fn long_texts_are_cut_with_a_way_to_see_all() {
    let Some(page) = Page::open(2_000) else { return };
    // The page of groups that has a long one.
    let (mut address, mut after) = ("#/held".to_owned(), None);
    loop {
        let query = HeldQuery { after: after.clone(), ..HeldQuery::default() };
        let held = page.service.held(&query).unwrap();
        if held.groups.iter().any(|group| group.rows[0].command.len() > 4_000) {
            break;
        }
        after = Some(held.next.expect("the fixture has long texts"));
        address = format!("#/held?after={}", after.as_ref().unwrap());
    }
    page.visit(&address);
    page.wait("document.querySelector('.what > .line button.more') !== null");
    page.browser.run(
        "const b = document.querySelector('.what > .line button.more'); b.parentNode.id = 'cut'; b.click()",
    );
    page.wait("document.getElementById('cut').textContent.length > 4000");
    assert_eq!(page.value("document.activeElement.id"), "cut");
    assert_eq!(page.value("document.documentElement.scrollWidth <= innerWidth"), true);
}
