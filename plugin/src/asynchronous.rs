//! Events that are injected: one per execution, where Falco has no driver.
//!
//! Falco sets the handler before a live capture begins and never for a replay, so having one is also how it is known
//! that a capture is live.

use falco_plugin::anyhow::Error;
use falco_plugin::async_event::{AsyncEventPlugin, AsyncHandler};

use crate::event::execution;
use crate::plugin::AnomalyPlugin;

impl AsyncEventPlugin for AnomalyPlugin {
    const ASYNC_EVENTS: &'static [&'static str] = &[execution::NAME_STR];
    const EVENT_SOURCES: &'static [&'static str] = &["syscall"];

    fn start_async(&mut self, handler: AsyncHandler) -> Result<(), Error> {
        self.guarded("start_async", |plugin| plugin.injector = Some(handler));
        Ok(())
    }

    fn stop_async(&mut self) -> Result<(), Error> {
        self.always("stop_async", |plugin| {
            plugin.injector = None;
            // Nothing is injected after this returns.
            if let Some(core) = &plugin.capture {
                core.stop_injecting(plugin.bit);
            }
        });
        Ok(())
    }
}
