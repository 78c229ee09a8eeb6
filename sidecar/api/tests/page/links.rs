//! Addresses that alerts and people pass on.

use anomaly_api::Service;
use anomaly_api::model::FindingsQuery;

use crate::support::Page;

#[test]
fn deep_links_open_what_they_name() {
    let Some(page) = Page::open(3_000) else { return };
    // Far behind what is loaded first: an alert of days ago.
    let all = page.service.findings(&FindingsQuery { limit: Some(3_000), ..Default::default() }).unwrap();
    let finding = &all.findings[2_345];
    let execution = &finding.example;
    let views = [
        (format!("#/finding/{}", finding.id), finding.name.as_str()),
        (format!("#/execution/{}", execution.id), execution.name.as_str()),
        ("#/workload/docker.io%2Flibrary%2Fnginx".to_owned(), "docker.io/library/nginx"),
        ("#/search?q=reverse%20shell%20bash".to_owned(), "Search"),
        ("#/held".to_owned(), "Held"),
        ("#/health".to_owned(), "Health"),
        ("#/held?workload=nginx.service&state=denied".to_owned(), "Held"),
        ("#/findings?workload=nginx*&min_score=0.9".to_owned(), "Findings"),
    ];
    for (address, heading) in &views {
        // As from a mail: a load of its own, not a step within the page.
        page.browser.open("about:blank");
        page.browser.open(&format!("http://{}/{address}", page.address));
        page.settled();
        assert!(page.text("h1").contains(heading), "{address}: {}", page.text("h1"));
        assert_eq!(page.value("location.hash"), address.as_str());
        page.is_clean();
    }
    page.visit(&format!("#/finding/{}", finding.id));
    assert!(page.count(".side-by-side .card") >= 4, "itself and three neighbours");
    assert!(page.count("mark.missing") > 0 && page.count("tr.is-new") > 0);
    page.visit("#/search?q=reverse%20shell%20bash");
    assert_eq!(page.value("document.getElementById('words').value"), "reverse shell bash");
    page.visit("#/findings?workload=nginx.service");
    let shown = page.value("[...document.querySelectorAll('.finding .workload')].every((a) => a.textContent === 'nginx.service')");
    assert_eq!(shown, true);
}

#[test]
fn a_finding_that_happens_again_is_shown_as_it_is_now() {
    let Some(page) = Page::open(60) else { return };
    let all = page.service.findings(&FindingsQuery { limit: Some(60), ..Default::default() }).unwrap();
    let finding = all.findings.iter().find(|finding| finding.count > 1).expect("one of several executions");
    page.visit(&format!("#/finding/{}", finding.id));
    assert!(page.text("summary").contains(&format!("{} novel executions", finding.count)));
    // It is asked for by its id, however far behind it is, and every time.
    page.browser.run(
        "window.asked = [];
         const really = fetch;
         window.fetch = async (path, options) => {
           const answer = await really(path, options);
           asked.push(path);
           if (!path.startsWith('v1/findings')) return answer;
           return new Response(JSON.stringify({ ...(await answer.json()), count: 4321 }));
         };",
    );
    page.refresh();
    page.wait("document.querySelector('summary').innerText.includes('4,321 novel executions')");
    let asked = page.value("asked.filter((path) => path.startsWith('v1/findings'))");
    assert_eq!(asked, serde_json::json!([format!("v1/findings/{}", finding.id)]));
    page.is_clean();
}

#[test]
fn links_to_what_is_gone_say_so() {
    let Some(page) = Page::open(20) else { return };
    let gone = "0".repeat(32);
    for address in [
        format!("#/execution/{gone}"),
        "#/finding/f0000000000000000".to_owned(),
        "#/execution/%3Cb%3E".to_owned(),
    ] {
        page.visit(&address);
        assert!(page.text("main [role=alert]").len() > 20, "{address}: {}", page.text("main"));
        assert!(page.count("main a[href='#/']") == 1);
    }
    // What is no view at all is the overview.
    for address in ["#/nowhere", "#/constructor", "#%", "#/__proto__/x"] {
        page.visit(address);
        page.wait("document.querySelector('h1')?.innerText === 'Overview'");
        assert_eq!(page.value("window.wrong"), serde_json::json!([]), "{address}");
    }
}
