//! `anomalyctl run`: the daemon. Capture, learn, score, remember, answer, send, until it is told to stop.
//!
//! One loop on the main thread takes executions from the feed's queue, has them scored and hands them on; everything else
//! that may take time (the database, the sinks, the API, the fleet) has a thread of its own and never holds it up. What
//! the loop itself has to do besides is done a few times a second, between executions.
//!
//! A configuration that is read again is followed: see [`reload`].

mod arguments;
mod core;
mod decisions;
mod duty;
mod earlier;
mod ending;
mod findings;
mod lasting;
mod notify;
mod numbers;
mod parts;
mod pause;
mod plan;
mod reload;
mod taker;

pub(crate) use arguments::{Arguments, EXAMPLES};
pub(crate) use plan::api;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anomaly_capture::HostRoot;
use anomaly_config::Config;

use crate::failure::{Failure, say};
use crate::signals::{Reload, Stop};
use crate::watch::event::Event;
use crate::watch::live::Live;
use crate::watch::source::Next;
use crate::words::count;

use core::{Core, Loading};
use duty::Duty;
use ending::Ending;
use findings::Findings;
use lasting::Lasting;
use notify::Systemd;
use parts::Running;
use pause::Pause;
use plan::Plan;
use taker::Taker;

/// How often signals, notices and counters are looked at.
const TICK: Duration = Duration::from_millis(100);

/// How long after what failed it is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (stop, reload) = Stop::install_with_reload()
        .map_err(|error| Failure::new(format!("cannot take over signals: {error}")))?;
    let deadline = arguments.end_after.and_then(|time| Instant::now().checked_add(time));
    let systemd = Systemd::from_environment();
    let pause = Pause { stop: &stop, systemd: &systemd };
    let Some(mut daemon) = Daemon::start(arguments, pause)? else {
        systemd.stopping();
        say("ended before the baselines were loaded, as asked");
        return Ok(());
    };
    systemd.ready();
    let outcome = daemon.watch(&reload, deadline, pause);
    systemd.stopping();
    let ended = daemon.end(Ending::new(Instant::now()));
    outcome.and(ended)
}

/// Everything that runs.
struct Daemon<'a> {
    arguments: &'a Arguments,
    /// The configuration that is followed.
    plan: Plan,
    lasting: Arc<Lasting>,
    live: Live,
    /// Whether the feed is that of a configuration that could not be followed.
    feed_is_others: bool,
    state: State,
    taker: Taker,
    duty: Duty,
}

/// Whether executions are taken.
enum State {
    Running(Running),
    /// Something is missing without which nothing can be taken: executions wait in the feed's queue, and it is tried again.
    Waiting {
        core: Option<Core>,
        due: Instant,
    },
}

impl<'a> Daemon<'a> {
    /// Starts everything; nothing where somebody asked for the end meanwhile.
    fn start(arguments: &'a Arguments, pause: Pause<'_>) -> Result<Option<Self>, Failure> {
        let config = arguments.config()?;
        plan::tell(&config, arguments);
        let plan = Plan::of(config)?;
        let config = &plan.config;
        // The database first: it says whether the directory is ours before anything is put beside it.
        let loading = Loading::begin(config)?;
        let (lasting, journal) = Lasting::open(config)?;
        let lasting = Arc::new(lasting);
        // The feed next, so that its queue takes what happens while the baselines are loading.
        let mut live = open_feed(config)?;
        for notice in live.notices() {
            lasting.say(notice);
        }
        if !pause.while_goes_on(&|| loading.goes_on()) {
            return Ok(None);
        }
        let core = loading.end(config)?;
        let running = Running::start(&plan, core, &lasting).map_err(|(failure, _)| failure)?;
        let taker = Taker::new(config, &lasting);
        let duty = Duty::new(Arc::clone(&lasting), Findings::start(&lasting, journal)?);
        let state = State::Running(running);
        Ok(Some(Self { arguments, plan, lasting, live, feed_is_others: false, state, taker, duty }))
    }

    /// The loop, until somebody asks for its end or the feed fails.
    fn watch(&mut self, reload: &Reload, deadline: Option<Instant>, pause: Pause<'_>) -> Result<(), Failure> {
        let mut tick_due = Instant::now();
        loop {
            if let State::Running(_) = self.state {
                match self.live.next(TICK) {
                    Next::Event(event) => self.take(&event),
                    Next::Nothing => {}
                    Next::End => return Ok(()),
                    Next::Failed(failure) => return Err(failure),
                }
            } else {
                std::thread::sleep(TICK);
                self.try_again(pause);
            }
            let now = Instant::now();
            if now < tick_due {
                continue;
            }
            tick_due = now + TICK;
            self.tick(now);
            pause.systemd.alive(now);
            if pause.stop.asked() || deadline.is_some_and(|deadline| now >= deadline) {
                return Ok(());
            }
            if reload.asked() {
                pause.systemd.reloading();
                self.reload(pause);
                pause.systemd.ready();
            }
        }
    }

    fn take(&mut self, event: &Event) {
        if let State::Running(running) = &self.state {
            self.taker.take(event, running, &mut self.duty);
        }
    }

    fn tick(&mut self, now: Instant) {
        if let State::Running(running) = &self.state {
            self.duty.tick(now, &mut self.live, running);
        }
    }

    /// Takes what the feed told last, writes everything and ends.
    fn end(mut self, ending: Ending) -> Result<(), Failure> {
        self.live.stop();
        let mut untaken = 0;
        while ending.has_time_to_drain()
            && let Next::Event(event) = self.live.next(Duration::ZERO)
        {
            untaken += u64::from(matches!(self.state, State::Waiting { .. }));
            self.take(&event);
        }
        if untaken > 0 {
            self.lasting
                .say(format!("{} waited for what is missing, and are lost", count(untaken, "execution")));
        }
        self.tick(Instant::now());
        self.duty.findings.finish(ending.of_findings());
        let core = match self.state {
            State::Running(running) => Some(running.stop(ending, &self.lasting, &|| false)),
            State::Waiting { core, .. } => core,
        };
        let stopped = core.map_or(Ok(()), |core| core.close(ending, &self.lasting));
        say(&self.duty.tally.summary());
        stopped
    }
}

fn open_feed(config: &Config) -> Result<Live, Failure> {
    let options = config.capture(HostRoot::from_env());
    Live::open(config.agent.feed, &options, config.agent.workload.clone())
}
