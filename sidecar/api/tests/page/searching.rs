//! Search: what is filtered, and what is said of a match.

use crate::support::Page;

#[test]
fn a_match_says_how_novel_it_is_and_states_are_filtered() {
    let Some(page) = Page::open(200) else { return };
    let all = |selector: &str, test: &str| {
        page.value(&format!("[...document.querySelectorAll('{selector}')].every((found) => {test})"))
    };
    for state in ["learned", "held", "denied"] {
        page.visit(&format!("#/search?q=sh%20curl%20nginx%20bash&state={state}"));
        assert_eq!(page.value("document.querySelector('select[name=state]').value"), state);
        assert_eq!(all(".findings .chip", &format!("found.textContent === '{state}'")), true, "{state}");
    }
    page.visit("#/search?q=sh%20curl%20nginx%20bash");
    assert!(page.count(".findings .match") > 3);
    assert_eq!(
        all(".findings li.finding", "found.querySelector('.facts').textContent.includes('novelty')"),
        true
    );
    page.is_clean();
}
