//! Following a configuration that is read again.
//!
//! What can be found out before anything is closed is found out then. Sinks and API are closed and started, with the
//! secrets as they are now; the feed and the baselines only where they have to be others. Executions wait in the feed's
//! queue meanwhile. What fails all the same brings back what was there before, and as long as that fails too the daemon
//! waits and tries again: no configuration ends it.

use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::watch::live::Live;
use crate::watch::source::Next;

use super::core::{Core, Loading};
use super::ending::Ending;
use super::parts::Running;
use super::pause::Pause;
use super::plan::Plan;
use super::taker::Taker;
use super::{AGAIN, Daemon, State, open_feed, plan};

impl Daemon<'_> {
    /// Reads the configuration again and follows it. One that cannot be followed changes nothing.
    pub(super) fn reload(&mut self, pause: Pause<'_>) {
        match self.prepare() {
            Ok((plan, feed)) => self.follow(plan, feed, pause),
            Err(failure) => self.lasting.say(stays(&failure)),
        }
    }

    /// Reads the configuration again, opens the feed where it has to be another, and finds out what would keep the rest
    /// from being replaced while all of it still works.
    fn prepare(&self) -> Result<(Plan, Option<Live>), Failure> {
        let config = self.arguments.config()?;
        if plan::moves(&self.plan.config, &config) {
            return Err(Failure::new("another database or organisation needs a restart"));
        }
        let plan = Plan::of(config)?;
        let config = &plan.config;
        if let State::Running(running) = &self.state
            && Core::changes(&self.plan.config, config)
        {
            // What is known and cannot be saved is kept.
            running.save()?;
        }
        let opens_feed = config.agent != self.plan.config.agent
            || config.ebpf != self.plan.config.ebpf
            || config.vectorization != self.plan.config.vectorization;
        let feed = if opens_feed { Some(open_feed(config)?) } else { None };
        Ok((plan, feed))
    }

    fn follow(&mut self, plan: Plan, feed: Option<Live>, pause: Pause<'_>) {
        let opens_feed = feed.is_some();
        match feed {
            Some(live) if matches!(self.state, State::Running(_)) => self.replace_feed(live),
            // It is known to work, and opened again once executions are taken.
            Some(_) => self.feed_is_others = true,
            None => {}
        }
        let before = self.change(plan, pause);
        match self.start_anew(pause) {
            Ok(()) => {
                self.lasting.say("the configuration was read again and is followed".to_owned());
                self.bring_feed_back();
            }
            // A socket that is taken: what worked before works again.
            Err(failure) => {
                self.lasting.say(stays(&failure));
                self.change(before, pause);
                self.feed_is_others |= opens_feed;
                match self.start_anew(pause) {
                    Ok(()) => self.bring_feed_back(),
                    Err(failure) => {
                        self.lasting.say(format!("nothing can be taken, and it is tried again: {failure}"));
                    }
                }
            }
        }
    }

    /// Stops what another configuration replaces; returns the one before.
    fn change(&mut self, plan: Plan, pause: Pause<'_>) -> Plan {
        let ending = Ending::new(Instant::now());
        let waiting = State::Waiting { core: None, due: Instant::now() };
        let mut core = match std::mem::replace(&mut self.state, waiting) {
            State::Running(running) => Some(running.stop(ending, &self.lasting, &|| pause.may_wait())),
            State::Waiting { core, .. } => core,
        };
        if Core::changes(&self.plan.config, &plan.config)
            && let Some(core) = core.take()
            && let Err(failure) = core.close(ending, &self.lasting)
        {
            self.lasting.say(failure.to_string());
        }
        self.state = State::Waiting { core, due: Instant::now() + AGAIN };
        self.lasting.retain(&plan.config);
        std::mem::replace(&mut self.plan, plan)
    }

    /// Starts what is not there, as the configuration says.
    fn start_anew(&mut self, pause: Pause<'_>) -> Result<(), Failure> {
        let State::Waiting { core, due } = &mut self.state else { return Ok(()) };
        *due = Instant::now() + AGAIN;
        let core = match core.take() {
            Some(core) => core,
            None => {
                let loading = Loading::begin(&self.plan.config)?;
                if !pause.while_goes_on(&|| loading.goes_on()) {
                    return Err(Failure::new("the end was asked for while the baselines were loading"));
                }
                loading.end(&self.plan.config)?
            }
        };
        match Running::start(&self.plan, core, &self.lasting) {
            Ok(running) => {
                self.state = State::Running(running);
                self.taker = Taker::new(&self.plan.config, &self.lasting);
                Ok(())
            }
            Err((failure, core)) => {
                self.state = State::Waiting { core: Some(core), due: Instant::now() + AGAIN };
                Err(failure)
            }
        }
    }

    /// Tries again, where it is time, what failed before.
    pub(super) fn try_again(&mut self, pause: Pause<'_>) {
        let State::Waiting { due, .. } = &self.state else { return };
        if Instant::now() >= *due && self.start_anew(pause).is_ok() {
            self.lasting.say("everything is there again, and executions are taken".to_owned());
            self.bring_feed_back();
        }
    }

    /// Opens the feed of the configuration that is followed, where another's was opened before it could not be. Not before
    /// executions are taken again: what waits in the queue of the one would be lost.
    fn bring_feed_back(&mut self) {
        if !std::mem::take(&mut self.feed_is_others) {
            return;
        }
        match open_feed(&self.plan.config) {
            Ok(live) => self.replace_feed(live),
            Err(failure) => {
                self.lasting.say(format!("the feed stays as the new configuration has it: {failure}"));
            }
        }
    }

    /// Goes on with another feed, after what the one before told. The two overlap: what they both tell is taken twice, so
    /// that nothing is missed.
    fn replace_feed(&mut self, live: Live) {
        let mut old = std::mem::replace(&mut self.live, live);
        old.stop();
        while let Next::Event(event) = old.next(Duration::ZERO) {
            self.take(&event);
        }
        self.duty.add_feed(&old);
    }
}

fn stays(why: &Failure) -> String {
    format!("the configuration stays as it was: {why}")
}
