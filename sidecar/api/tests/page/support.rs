//! The page in a browser, before a server with generated data.

use std::env;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use anomaly_api::{Options, Server, Tcp, Token};
use serde_json::{Value, json};

use crate::fake::Fake;
use crate::webdriver::{Browser, DriverError};

/// What the API asks for.
pub(crate) const TOKEN: &str = "a-token-for-the-tests-of-the-page";

/// How long something may take to be seen.
const PATIENCE: Duration = Duration::from_secs(20);

/// Keys as WebDriver names them.
pub(crate) const TAB: char = '\u{e004}';
pub(crate) const ENTER: char = '\u{e007}';
pub(crate) const ESCAPE: char = '\u{e00c}';
pub(crate) const PAGE_UP: char = '\u{e00e}';
pub(crate) const LEFT: char = '\u{e012}';

/// Notes whatever goes wrong in the page, and when it was ready, before any script of it runs.
const WATCH: &str = r#"
window.wrong = [];
addEventListener('securitypolicyviolation', (e) => wrong.push(`policy: ${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
addEventListener('error', (e) => wrong.push(`error: ${e.message}`));
addEventListener('unhandledrejection', (e) => wrong.push(`rejection: ${e.reason}`));
window.longest = 0;
new PerformanceObserver((list) => { for (const task of list.getEntries()) longest = Math.max(longest, task.duration); })
  .observe({ type: 'longtask', buffered: true });
new MutationObserver(() => {
  if (!window.ready && document.querySelector('main .finding')) window.ready = performance.now();
}).observe(document, { subtree: true, childList: true });
"#;

/// A page in a browser, and the server that it came from.
pub(crate) struct Page {
    pub(crate) browser: Browser,
    pub(crate) service: Arc<Fake>,
    pub(crate) address: SocketAddr,
    server: Option<Server>,
}

impl Page {
    /// The page with so many findings, signed in, at its overview. Nothing where there is no browser, outside CI; in CI
    /// that fails, because a check that silently stopped running looks like one that passes.
    pub(crate) fn open(findings: usize) -> Option<Self> {
        let page = Self::serve(findings)?;
        page.browser.open(&format!("http://{}/#token={TOKEN}", page.address));
        page.settled();
        Some(page)
    }

    /// The same, but the browser has not been anywhere.
    #[expect(clippy::print_stdout, reason = "a test that does not run says so on standard output")]
    pub(crate) fn serve(findings: usize) -> Option<Self> {
        let browser = match Browser::start() {
            Ok(browser) => browser,
            Err(error @ DriverError::Missing(_)) if env::var("CI").as_deref() != Ok("true") => {
                println!("skipped: {error}");
                return None;
            }
            Err(error) => panic!("no browser to try the page in: {error}"),
        };
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": WATCH }));
        // The page asks for the last day by the browser's clock.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("the clock is behind 1970");
        let service = Arc::new(Fake::new(findings, now.as_secs_f64().floor()));
        let server = serve(&service, ([127, 0, 0, 1], 0).into());
        let address = server.tcp().expect("it listens on loopback");
        Some(Self { browser, service, address, server: Some(server) })
    }

    /// Ends the server, as a daemon that goes away.
    pub(crate) fn stop_server(&mut self) {
        self.server.take().expect("it runs").stop(Duration::ZERO);
    }

    /// Starts it anew, where it was.
    pub(crate) fn start_server(&mut self) {
        self.server = Some(serve(&self.service, self.address));
    }

    /// Goes to a view by its fragment, and waits until its data is there.
    pub(crate) fn visit(&self, fragment: &str) {
        self.browser.run_async(&format!(
            "const [before, told] = [location.href, new Promise((tell) => addEventListener('hashchange', tell, {{ once: true }}))];
             location.hash = {};
             if (location.href !== before) await told;",
            json!(fragment)
        ));
        self.settled();
    }

    /// Waits until the view shows its data.
    pub(crate) fn settled(&self) {
        self.wait("document.querySelector('main')?.getAttribute('aria-busy') === 'false'");
    }

    /// Waits until an expression is true.
    pub(crate) fn wait(&self, expression: &str) {
        let until = Instant::now() + PATIENCE;
        while self.value(expression) != json!(true) {
            assert!(Instant::now() < until, "never true: {expression}\n{}", self.text("body"));
            sleep(Duration::from_millis(25));
        }
    }

    /// An expression's value.
    pub(crate) fn value(&self, expression: &str) -> Value {
        self.browser.run(&format!("return ({expression})"))
    }

    /// How many elements a selector finds.
    pub(crate) fn count(&self, selector: &str) -> u64 {
        self.value(&format!("document.querySelectorAll({}).length", json!(selector)))
            .as_u64()
            .expect("a number")
    }

    /// The text of the first element that a selector finds, as it is seen.
    pub(crate) fn text(&self, selector: &str) -> String {
        self.value(&format!("document.querySelector({})?.innerText ?? ''", json!(selector)))
            .as_str()
            .expect("text")
            .to_owned()
    }

    /// Asks the daemon at once, as the clock would: paused and going on.
    pub(crate) fn refresh(&self) {
        self.browser.run("const p = document.getElementById('pause'); p.click(); p.click();");
    }

    /// Nothing failed, nothing was loaded that the policy forbids, and nothing of a stranger's ran.
    pub(crate) fn is_clean(&self) {
        assert_eq!(self.value("window.wrong"), json!([]));
        assert_eq!(self.value("typeof window.__pwned"), "undefined");
        assert_eq!(self.browser.console(), Vec::<String>::new());
    }

    /// Shows the page as on another device.
    pub(crate) fn device(&self, width: u32, height: u32, dark: bool) {
        self.browser.devtools(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 }),
        );
        let scheme = if dark { "dark" } else { "light" };
        self.browser.devtools(
            "Emulation.setEmulatedMedia",
            json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] }),
        );
    }

    /// Keeps a picture where whoever changed the page can look at it.
    pub(crate) fn picture(&self, name: &str) {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("page");
        std::fs::create_dir_all(&folder).expect("the target directory can be written");
        self.browser.picture(&folder.join(format!("{name}.png")));
    }
}

fn serve(service: &Arc<Fake>, address: SocketAddr) -> Server {
    let token = Token::new(TOKEN).expect("it is long enough");
    let page = env::var_os("ANOMALY_PAGE").map(PathBuf::from);
    let options = Options { tcp: Some(Tcp { address, token }), page, ..Options::default() };
    Server::start(options, Arc::clone(service) as _).unwrap_or_else(|error| panic!("{error}"))
}
