//! The beginning and the end of a capture.

use falco_plugin::anyhow::Error;
use falco_plugin::listen::{CaptureListenInput, CaptureListenPlugin};

use crate::acts::LastAct;
use crate::core::{Core, Live, acquire, wall_clock};
use crate::plugin::AnomalyPlugin;
use crate::seed;
use crate::tables::Threads;

impl CaptureListenPlugin for AnomalyPlugin {
    fn capture_open(&mut self, input: &CaptureListenInput) -> Result<(), Error> {
        self.guarded("capture_open", |plugin| plugin.open(input));
        Ok(())
    }

    fn capture_close(&mut self, _: &CaptureListenInput) -> Result<(), Error> {
        self.always("capture_close", Self::end_capture);
        Ok(())
    }
}

impl AnomalyPlugin {
    fn open(&mut self, input: &CaptureListenInput) {
        // A capture counts its events anew.
        self.last_act = LastAct::default();
        let core = acquire(&self.config);
        self.use_core(core.clone());
        let running = self.threads.as_ref().map(|threads| threads.len(&input.reader)).unwrap_or(0);
        let (live, driver) = (self.injector.is_some(), running > 0);
        if live {
            core.go_live(&Live { instance: self.bit, driver, injector: self.injector.as_ref() });
            if let Some(threads) = &self.threads {
                carry_on(&core, threads, input);
            }
        } else {
            core.replay();
        }
        if core.begin_seeding() {
            let now = wall_clock();
            let seeds = seed::running(&core, self.threads.as_ref(), &input.reader, live, now);
            if live {
                let tables = (self.threads.as_ref(), self.containers.as_ref());
                seed::teach(&core, seeds, now, tables, &input.reader, &input.writer);
            } else {
                self.seeds = seeds;
            }
        }
    }
}

/// Lets running processes carry what they carried before a reload: the thread table is a new one.
fn carry_on(core: &Core, threads: &Threads, input: &CaptureListenInput) {
    let (Ok(reader), Ok(writer)) = (input.reader.validate(), input.writer.validate()) else { return };
    for (pid, handle) in core.recall(|| threads.mains(&reader)) {
        if let Some(thread) = threads.get(&reader, pid) {
            threads.set_verdict(&writer, &thread, Some(handle));
        }
    }
}
