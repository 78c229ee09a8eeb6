//! A stranger's text stays text.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::support::Page;

/// Ways to have a string read as markup, as a script or as a style, and to reach elsewhere.
const FORBIDDEN: &[&str] = &[
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "setHTML",
    "document.write",
    "createContextualFragment",
    "DOMParser",
    "parseFromString",
    "eval(",
    "Function(",
    "srcdoc=",
    "javascript:",
    "style=",
    "onclick=",
    "onerror=",
    "<style",
    "cssText",
    "insertRule",
    "https://",
    "importScripts",
    "postMessage",
    "setTimeout('",
    "setTimeout(\"",
    "sourceMappingURL",
];

#[test]
fn the_sources_have_no_way_to_read_text_as_markup() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("page");
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let content = fs::read_to_string(&path).unwrap();
        for way in FORBIDDEN {
            assert!(!content.contains(way), "{} has {way}", path.display());
        }
        // An SVG's namespace is a name, not an address.
        let elsewhere = content.replace("http://www.w3.org/2000/svg", "");
        assert!(
            !elsewhere.contains("http://") && !elsewhere.contains("url("),
            "{} reaches elsewhere",
            path.display()
        );
        files += 1;
    }
    assert!(files > 10);
}

#[test]
fn texts_of_attackers_stay_texts() {
    let Some(page) = Page::open(2_000) else { return };
    let why = r#"<img src=x onerror="window.__pwned=1"><script>window.__pwned=2</script>"#;
    for view in
        ["#/", "#/findings", "#/held", "#/workloads", "#/search?q=script%20img%20sh%20curl", "#/health"]
    {
        page.visit(view);
        assert_eq!(
            page.count(
                "img, iframe, object, embed, form[action], main script, [onmouseover], [onerror], base"
            ),
            0,
            "{view}"
        );
        assert_eq!(page.count("script"), 1, "{view}: more than the page's own script");
        page.wait("!document.title.includes('owned')");
    }
    // What was found says so itself: the hostile ones were shown.
    page.visit("#/search?q=script");
    assert!(page.text("main").contains("<script>document.title='owned'</script>"));

    // A hostile reason, and a hostile workload's name in title, label and address.
    page.visit("#/held");
    page.browser.click("main .finding button.approve");
    page.browser.run(&format!("document.querySelector('dialog textarea').value = {}", json!(why)));
    page.browser.click("dialog button.primary");
    page.wait("document.getElementById('outcome').innerText.includes('in force')");
    page.visit("#/decisions");
    assert!(page.text("main").contains(why));
    page.visit("#/workload/%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E.service");
    assert!(page.text("h1").contains("<img src=x onerror=alert(1)>.service"));
    page.is_clean();
}

#[test]
fn the_browser_itself_refuses_markup_scripts_and_styles_from_text() {
    let Some(page) = Page::open(12) else { return };
    // In a task of the page's own: what the driver runs at once is let off.
    let refused = page.browser.run_async(
        r"const tries = [
            () => { document.createElement('p').innerHTML = '<b>x</b>'; },
            () => { document.write('x'); },
            () => { eval('1'); },
            () => { document.createElement('script').text = '1'; },
          ];
          const tried = () => tries.map((make) => { try { make(); return 'made'; } catch (error) { return error.name; } });
          return new Promise((resolve) => setTimeout(() => resolve(tried()), 10));",
    );
    assert_eq!(refused, json!(["TypeError", "TypeError", "EvalError", "TypeError"]));
    page.browser.run(
        r"const style = document.createElement('style');
          style.textContent = 'body { color: rgb(1, 2, 3) }';
          const image = document.createElement('img');
          image.src = 'http://127.0.0.1:9/x.png';
          document.body.append(style, image);",
    );
    page.wait("window.wrong.some((what) => what.includes('img-src')) && window.wrong.some((what) => what.includes('style-src'))");
    assert_ne!(page.value("getComputedStyle(document.body).color"), "rgb(1, 2, 3)");
}

#[test]
fn what_hides_or_reorders_is_shown_by_name_in_a_run_of_its_own() {
    let Some(page) = Page::open(500) else { return };
    page.visit("#/workload/%E2%80%AEecivres.dleh");
    assert!(page.text("h1").starts_with("U+202E"), "{}", page.text("h1"));
    assert_eq!(page.value("getComputedStyle(document.querySelector('h1 .foreign')).unicodeBidi"), "isolate");
    assert_eq!(page.value("document.title.includes('\\u202e')"), false);
    for view in ["#/findings", "#/held", "#/search?q=curl%20sh%20bash%20python3%20nc", "#/workloads", "#/"] {
        page.visit(view);
        let bad = page.value(
            r"(() => {
                const hides = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/;
                const found = [];
                for (const node of document.querySelectorAll('*')) {
                    for (const { name, value } of node.attributes) if (hides.test(value)) found.push(`${name}=${escape(value)}`);
                }
                if (hides.test(document.body.textContent)) found.push('text');
                return found;
            })()",
        );
        assert_eq!(bad, json!([]), "{view}");
        assert!(page.count(".foreign") > 0, "{view}");
    }
    page.visit("#/held");
    assert!(page.count(".hidden-character") > 0);
    page.is_clean();
}

#[test]
fn single_texts() {
    let Some(page) = Page::open(12) else { return };
    let shown = page.browser.run_async(
        r"const { foreign, plain } = await import('/text.js');
          const { h } = await import('/dom.js');
          const refused = (make) => { try { make(); return 'made'; } catch { return 'refused'; } };
          return [
            plain('a\u202eb'), plain('\u001b[31m'), plain('na\u00efve \u2603'), plain('x'.repeat(9), 4),
            plain('\u{1f980}\u{1f980}\u{1f980}', 2), plain('e' + '\u0301'.repeat(50)).length, plain(null), plain('\u{e0041}\u200d'),
            foreign('<b>\u0007</b>').textContent, foreign('y'.repeat(500), 100).querySelector('button').textContent,
            foreign('y'.repeat(500), -100).querySelectorAll('button').length,
            refused(() => h('a', { href: 'javascript:alert(1)' })), refused(() => h('a', { href: '//elsewhere' })),
            refused(() => h('div', { style: 'color: red' })), refused(() => h('a', { href: '#/held' })),
          ];",
    );
    assert_eq!(
        shown,
        json!([
            "aU+202Eb",
            "ESC[31m",
            "na\u{ef}ve \u{2603}",
            "xxxx\u{2026}",
            "\u{1f980}\u{1f980}\u{2026}",
            4,
            "",
            "U+E0041 U+200D",
            "<b>BEL</b>",
            "\u{2026} all 500 characters",
            0,
            "refused",
            "refused",
            "refused",
            "made",
        ])
    );
}
