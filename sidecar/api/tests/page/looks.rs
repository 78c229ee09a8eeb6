//! How it looks: on a desk, on a phone, in the dark.

use anomaly_api::Service;
use serde_json::{Value, json};

use crate::support::Page;

/// Texts whose contrast to what is behind them is below 4.5, computed as WCAG 2 does.
const FAINT: &str = r"(() => {
    const channel = (value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    const parts = (colour) => colour.match(/[\d.]+/g).map(Number);
    const light = (colour) => {
        const [r, g, b] = parts(colour).map((part) => channel(part / 255));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (node) => {
        for (let at = node; at; at = at.parentElement) {
            const colour = getComputedStyle(at).backgroundColor;
            if ((parts(colour)[3] ?? 1) > 0) return colour;
        }
        return 'rgb(255, 255, 255)';
    };
    const faint = new Set();
    let looked = 0;
    for (const node of document.querySelectorAll('body *')) {
        const says = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim() !== '');
        if (!says || !node.checkVisibility() || ['OPTION', 'NOSCRIPT', 'SCRIPT'].includes(node.tagName)) continue;
        looked += 1;
        const [a, b] = [light(getComputedStyle(node).color), light(ground(node))];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (contrast < 4.5) faint.add(`${node.tagName}.${node.className} ${contrast.toFixed(2)}: ${node.textContent.slice(0, 40)}`);
    }
    return looked > 5 ? [...faint] : [`only ${looked} texts`];
})()";

/// Elements that reach out of the window to the right, but for those in something that scrolls.
const OUTSIDE: &str = r"(() => {
    const wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
    const out = [...document.querySelectorAll('body *')].filter((node) => {
        const box = node.getBoundingClientRect();
        return box.width > 0 && box.right > innerWidth + 1 && !node.closest('.scroll, .lane-name, .skip, .item, .workload, .command');
    });
    return [...(wide ? ['the page scrolls sideways'] : []), ...out.slice(0, 5).map((node) => `${node.tagName}.${node.className}`)];
})()";

#[test]
fn every_view_on_a_desk_on_a_phone_and_in_the_dark() {
    let Some(page) = Page::open(1_000) else { return };
    let finding = page.service.findings(&Default::default()).unwrap().findings.swap_remove(4).id;
    let views = [
        ("overview", "#/".to_owned()),
        ("findings", "#/findings".to_owned()),
        ("finding", format!("#/finding/{finding}")),
        ("held", "#/held".to_owned()),
        ("workloads", "#/workloads".to_owned()),
        ("workload", "#/workload/docker.io%2Flibrary%2Fnginx".to_owned()),
        ("search", "#/search?q=bash%20interactive".to_owned()),
        ("decisions", "#/decisions".to_owned()),
        ("health", "#/health".to_owned()),
    ];
    let mut grounds = Vec::new();
    for (device, width, height, dark) in [
        ("light", 1280, 900, false),
        ("dark", 1280, 900, true),
        ("phone", 360, 740, false),
        ("phone-dark", 360, 740, true),
    ] {
        page.device(width, height, dark);
        for (name, address) in &views {
            page.visit(address);
            page.picture(&format!("{name}-{device}"));
            assert_eq!(page.value(FAINT), json!([]), "{name} {device}: too faint to read");
            assert_eq!(page.value(OUTSIDE), json!([]), "{name} {device}: out of the window");
        }
        grounds.push(page.value("getComputedStyle(document.body).backgroundColor"));
    }
    assert_ne!(grounds[0], grounds[1], "the dark is as light as the light");
    page.is_clean();
}

#[test]
fn dialogs_fit_a_phone_and_can_be_read() {
    let Some(page) = Page::open(100) else { return };
    for dark in [false, true] {
        page.device(360, 740, dark);
        page.visit("#/held");
        page.browser.run("document.querySelector('main button.approve').click()");
        page.picture(if dark { "dialog-phone-dark" } else { "dialog-phone" });
        assert_eq!(page.value(FAINT), json!([]));
        let fits = "(() => { const box = document.querySelector('dialog').getBoundingClientRect(); return box.left >= 0 && box.right <= innerWidth; })()";
        assert_eq!(page.value(fits), true);
        page.browser.run("document.querySelector('dialog').close()");
        page.visit("#/");
    }
}

#[test]
fn nothing_moves_for_who_wants_that() {
    let Some(page) = Page::open(20) else { return };
    let moving = |page: &Page| -> Value {
        page.value("document.body.classList.add('stale') ?? getComputedStyle(document.querySelector('main')).transitionDuration")
    };
    assert_eq!(moving(&page), "0.3s");
    let reduced = json!({ "features": [{ "name": "prefers-reduced-motion", "value": "reduce" }] });
    page.browser.devtools("Emulation.setEmulatedMedia", reduced);
    assert_eq!(moving(&page), "0s");
}
