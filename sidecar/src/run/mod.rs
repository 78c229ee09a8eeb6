//! `anomalyctl run`: the daemon. Capture, learn, score, remember, answer, send, until it is told to stop.
//!
//! One loop on the main thread takes executions from the feed's queue, has them scored and hands them on; everything else
//! that may take time (the database, the sinks, the API, the fleet) has a thread of its own and never holds it up. What
//! the loop itself has to do besides is done a few times a second, between executions.
//!
//! A configuration that is read again is followed: the feed is opened anew only where it has to be, while the rest is
//! closed and started, with the secrets as they are now, and executions wait in the feed's queue meanwhile.

mod arguments;
mod decisions;
mod duty;
mod ending;
mod findings;
mod notify;
mod numbers;
mod parts;
mod plan;
mod taker;

pub(crate) use arguments::{Arguments, EXAMPLES};

use std::sync::Arc;
use std::time::{Duration, Instant};

use anomaly_capture::HostRoot;
use anomaly_config::Config;

use crate::failure::{Failure, say};
use crate::signals::{Reload, Stop};
use crate::watch::event::Event;
use crate::watch::live::Live;
use crate::watch::source::Next;

use duty::Duty;
use ending::Ending;
use findings::Findings;
use notify::Systemd;
use parts::{Lasting, Running};
use taker::Taker;

/// How often signals, notices and counters are looked at.
const TICK: Duration = Duration::from_millis(100);

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (stop, reload) = Stop::install_with_reload()
        .map_err(|error| Failure::new(format!("cannot take over signals: {error}")))?;
    let deadline = arguments.end_after.and_then(|time| Instant::now().checked_add(time));
    let systemd = Systemd::from_environment();
    let mut daemon = Daemon::start(arguments)?;
    systemd.ready();
    let outcome = daemon.watch(&stop, &reload, deadline, &systemd);
    systemd.stopping();
    let ended = daemon.end(Ending::new(Instant::now()));
    outcome.and(ended)
}

/// Everything that runs.
struct Daemon<'a> {
    arguments: &'a Arguments,
    config: Config,
    lasting: Arc<Lasting>,
    live: Live,
    /// There but for the moments in which a new configuration replaces it.
    running: Option<Running>,
    taker: Taker,
    duty: Duty,
}

impl<'a> Daemon<'a> {
    fn start(arguments: &'a Arguments) -> Result<Self, Failure> {
        let config = arguments.config()?;
        plan::tell(&config, arguments);
        // The database first: it says whether the directory is ours before anything is put beside it.
        let store = plan::store(&config)?;
        let (lasting, journal) = Lasting::open(&config)?;
        let lasting = Arc::new(lasting);
        // The feed next, so that its queue takes what happens while the baselines are loading.
        let mut live = open_feed(&config)?;
        for notice in live.notices() {
            lasting.say(notice);
        }
        let running = Running::start(&config, store, &lasting)?;
        let taker = Taker::new(&config, &lasting);
        let duty = Duty::new(Arc::clone(&lasting), Findings::start(&lasting, journal)?);
        Ok(Self { arguments, config, lasting, live, running: Some(running), taker, duty })
    }

    /// The loop, until somebody asks for its end or the feed fails.
    fn watch(
        &mut self,
        stop: &Stop,
        reload: &Reload,
        deadline: Option<Instant>,
        systemd: &Systemd,
    ) -> Result<(), Failure> {
        let mut tick_due = Instant::now();
        loop {
            match self.live.next(TICK) {
                Next::Event(event) => self.take(&event),
                Next::Nothing => {}
                Next::End => return Ok(()),
                Next::Failed(failure) => return Err(failure),
            }
            let now = Instant::now();
            if now < tick_due {
                continue;
            }
            tick_due = now + TICK;
            self.tick(now);
            systemd.alive(now);
            if stop.asked() || deadline.is_some_and(|deadline| now >= deadline) {
                return Ok(());
            }
            if reload.asked() {
                systemd.reloading();
                self.reload()?;
                systemd.ready();
            }
        }
    }

    /// Reads the configuration again and follows it. One that cannot be followed changes nothing.
    fn reload(&mut self) -> Result<(), Failure> {
        let stays = |why: Failure| format!("the configuration stays as it was: {why}");
        let (config, feed) = match self.prepare() {
            Ok(prepared) => prepared,
            Err(failure) => {
                self.lasting.say(stays(failure));
                return Ok(());
            }
        };
        let opens_feed = feed.is_some();
        if let Some(live) = feed {
            self.replace_feed(live);
        }
        if let Some(running) = self.running.take()
            && let Err(failure) = running.stop(Ending::new(Instant::now()))
        {
            self.lasting.say(failure.to_string());
        }
        match self.restart(&config) {
            Ok(()) => {
                self.config = config;
                self.lasting.say("the configuration was read again and is followed".to_owned());
            }
            // A socket that is taken: what worked before works again.
            Err(failure) => {
                self.lasting.say(stays(failure));
                let before = self.config.clone();
                self.restart(&before)?;
                if opens_feed {
                    self.replace_feed(open_feed(&before)?);
                }
            }
        }
        Ok(())
    }

    /// Reads the configuration again, opens the feed where it has to be another, and finds out what would keep the rest
    /// from being replaced while all of it still works.
    fn prepare(&self) -> Result<(Config, Option<Live>), Failure> {
        let config = self.arguments.config()?;
        if plan::moves(&self.config, &config) {
            return Err(Failure::new("another database or organisation needs a restart"));
        }
        plan::check(&config)?;
        // What is known and cannot be saved is kept.
        self.running.as_ref().map_or(Ok(()), Running::save)?;
        let opens_feed = config.agent != self.config.agent
            || config.ebpf != self.config.ebpf
            || config.vectorization != self.config.vectorization;
        let feed = if opens_feed { Some(open_feed(&config)?) } else { None };
        Ok((config, feed))
    }

    /// Goes on with another feed, after what the one before told. The two overlap: what they both tell is taken twice, so
    /// that nothing is missed.
    fn replace_feed(&mut self, live: Live) {
        let mut old = std::mem::replace(&mut self.live, live);
        old.stop();
        while let Next::Event(event) = old.next(Duration::ZERO) {
            self.take(&event);
        }
    }

    fn restart(&mut self, config: &Config) -> Result<(), Failure> {
        self.running = Some(Running::start(config, plan::store(config)?, &self.lasting)?);
        self.taker = Taker::new(config, &self.lasting);
        Ok(())
    }

    fn take(&mut self, event: &Event) {
        if let Some(running) = &self.running {
            self.taker.take(event, running, &mut self.duty);
        }
    }

    fn tick(&mut self, now: Instant) {
        if let Some(running) = &self.running {
            self.duty.tick(now, &mut self.live, running);
        }
    }

    /// Takes what the feed told last, writes everything and ends.
    fn end(mut self, ending: Ending) -> Result<(), Failure> {
        self.live.stop();
        while ending.has_time_to_drain()
            && let Next::Event(event) = self.live.next(Duration::ZERO)
        {
            self.take(&event);
        }
        self.tick(Instant::now());
        self.duty.findings.finish(ending.of_findings());
        let stopped = self.running.take().map_or(Ok(()), |running| running.stop(ending));
        say(&self.duty.tally.summary());
        stopped
    }
}

fn open_feed(config: &Config) -> Result<Live, Failure> {
    let options = config.capture(HostRoot::from_env());
    Live::open(config.agent.feed, &options, config.agent.workload.clone())
}
