//! Lanes by keyboard and by pointer.

use anomaly_api::Service;
use anomaly_api::model::TimelineQuery;
use serde_json::json;

use crate::support::{ENTER, LEFT, PAGE_UP, Page};

/// Whether pixels of the first lane have a colour of the style sheet.
fn drawn_in(colour: &str) -> String {
    format!(
        "(() => {{
            const canvas = document.querySelector('.strip canvas');
            // Read from a copy: the browser warns of a canvas that is drawn and read by turns.
            const copy = new OffscreenCanvas(canvas.width, canvas.height);
            const pen = copy.getContext('2d', {{ willReadFrequently: true }});
            pen.drawImage(canvas, 0, 0);
            const {{ data }} = pen.getImageData(0, 0, copy.width, copy.height);
            const probe = document.createElement('span');
            document.body.append(probe);
            probe.style.setProperty('color', getComputedStyle(canvas).getPropertyValue('--{colour}'));
            const [r, g, b] = getComputedStyle(probe).color.match(/\\d+/g).map(Number);
            probe.remove();
            let found = 0;
            for (let at = 0; at < data.length; at += 4) {{
                if (data[at] === r && data[at + 1] === g && data[at + 2] === b && data[at + 3] === 255) found += 1;
            }}
            return found > 0;
        }})()"
    )
}

#[test]
fn a_lane_is_drawn_read_out_and_leads_to_findings() {
    let Some(page) = Page::open(4_000) else { return };
    page.wait("document.querySelectorAll('.strip').length > 3");
    for colour in ["critical", "warn", "near"] {
        page.wait(&drawn_in(colour));
    }
    page.device(1280, 900, true);
    page.wait("matchMedia('(prefers-color-scheme: dark)').matches");
    page.wait(&drawn_in("critical"));

    page.browser.run("document.querySelector('.strip').focus()");
    let text = || {
        page.value("document.activeElement.getAttribute('aria-valuetext')").as_str().expect("text").to_owned()
    };
    assert!(text().contains("executions"), "{}", text());
    page.browser.press(&LEFT.to_string());
    let first = text();
    page.browser.press(&LEFT.to_string());
    assert_ne!(text(), first);
    page.browser.press(&PAGE_UP.to_string());
    assert!(text().contains("novel"), "{}", text());
    assert!(page.text(".readout").contains(&text()));
    page.browser.press(&ENTER.to_string());
    page.wait("location.hash.startsWith('#/findings?workload=')");
    // A bucket with novel executions leads to findings.
    page.wait("document.querySelector('h1')?.innerText === 'Findings' && document.querySelectorAll('.finding').length > 0");
    page.is_clean();
}

#[test]
fn a_pointer_means_the_novel_bucket_nearby() {
    let Some(page) = Page::open(4_000) else { return };
    page.wait("document.querySelectorAll('.strip').length > 3");
    page.browser.click(".strip");
    // The middle of the lane may be quiet: then the readout tells, else its findings are shown.
    page.wait("location.hash.startsWith('#/findings') || document.querySelector('.readout').innerText.includes('execution')");
    page.visit("#/?span=604800");
    assert_eq!(page.value("document.querySelector('select').value"), json!("604800"));
    assert!(page.count(".tick") >= 3);
    page.is_clean();
}

#[test]
fn a_workload_whose_lane_is_left_out_has_it_on_its_own_page() {
    let Some(page) = Page::open(400) else { return };
    let all = page.service.timeline(&TimelineQuery::default()).unwrap();
    assert!(all.left_out > 0);
    let workloads = page.service.workloads().unwrap();
    let quiet = workloads
        .iter()
        .map(|workload| &workload.workload)
        .find(|name| all.lanes.iter().all(|lane| lane.workload != **name))
        .expect("one is left out");
    page.wait(&format!(
        "document.querySelector('.lanes-frame').innerText.includes('{} workloads with lower scores')",
        all.left_out
    ));
    let address = page.value(&format!("encodeURIComponent({})", json!(quiet)));
    page.visit(&format!("#/workload/{}", address.as_str().expect("text")));
    assert_eq!(page.count(".strip"), 1);
    assert!(!page.text(".lanes-frame").contains("Nothing ran"), "{}", page.text(".lanes-frame"));
    page.is_clean();
}
