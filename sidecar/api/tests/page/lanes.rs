//! Lanes by keyboard and by pointer.

use anomaly_api::Service;
use anomaly_api::model::{Timeline, TimelineQuery, Workload};
use serde_json::json;

use crate::support::{ENTER, LEFT, PAGE_UP, Page};

/// Whether pixels of the first lane, between these shares of its width, have a colour of the style sheet.
fn drawn_in(colour: &str, from: f64, to: f64) -> String {
    format!(
        "(() => {{
            const canvas = document.querySelector('.strip canvas');
            // Read from a copy: the browser warns of a canvas that is drawn and read by turns.
            const copy = new OffscreenCanvas(canvas.width, canvas.height);
            const pen = copy.getContext('2d', {{ willReadFrequently: true }});
            pen.drawImage(canvas, 0, 0);
            const from = Math.floor(copy.width * {from});
            const {{ data }} = pen.getImageData(from, 0, Math.ceil(copy.width * {to}) - from, copy.height);
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
        page.wait(&drawn_in(colour, 0.0, 1.0));
    }
    page.device(1280, 900, true);
    page.wait("matchMedia('(prefers-color-scheme: dark)').matches");
    page.wait(&drawn_in("critical", 0.0, 1.0));

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
fn a_lane_is_blank_before_the_first_execution() {
    let Some(page) = Page::open(4_000) else { return };
    let alone = |workload: Workload| {
        let query = TimelineQuery { workload: Some(workload.workload), ..TimelineQuery::default() };
        page.service.timeline(&query).unwrap()
    };
    let mut timelines = page.service.workloads().unwrap().into_iter().map(alone);
    let learns = |timeline: &Timeline| timeline.lanes.iter().any(|lane| lane.learned_at.is_none());
    let timeline = timelines.find(learns).expect("one that learns");
    let lane = &timeline.lanes[0];
    let began = (lane.first_seen.expect("it is known") - timeline.since) / (timeline.until - timeline.since);
    assert!((0.2..0.8).contains(&began), "{began}");
    page.visit(&format!("#/workload/{}", lane.workload.replace('/', "%2F")));
    page.wait("document.querySelectorAll('.strip').length === 1");
    page.wait(&drawn_in("learning", began + 0.05, 1.0));
    assert_eq!(page.value(&drawn_in("learning", 0.0, began - 0.05)), false);
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
