//! Interrupt, termination and hang-up ask the command to finish; a second one does not ask.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// Whether somebody asked the process to end.
#[derive(Debug)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Takes the three signals over: the first sets the flag, the second ends the process at once with the shell's
    /// code for that signal.
    pub(crate) fn install() -> io::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // Actions run in this order: the first signal finds the flag unset here and sets it below.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&asked))?;
            flag::register(signal, Arc::clone(&asked))?;
        }
        Ok(Self(asked))
    }

    /// The same for a service: hang-up asks for the configuration to be read again, and may come any number of times.
    pub(crate) fn install_with_reload() -> io::Result<(Self, Reload)> {
        let (asked, reload) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&asked))?;
            flag::register(signal, Arc::clone(&asked))?;
        }
        flag::register(SIGHUP, Arc::clone(&reload))?;
        Ok((Self(asked), Reload(reload)))
    }

    /// Whether a signal came.
    pub(crate) fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Whether somebody asked for the configuration to be read again.
#[derive(Debug)]
pub(crate) struct Reload(Arc<AtomicBool>);

impl Reload {
    /// Whether that was asked since the last call.
    pub(crate) fn asked(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}
