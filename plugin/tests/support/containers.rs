//! What the container plugin is to ours: a column of the thread table, and a table of containers.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString};

use falco_plugin::anyhow::{Error, anyhow};
use falco_plugin::base::Plugin;
use falco_plugin::parse::{EventInput, ParseInput, ParsePlugin};
use falco_plugin::static_plugin;
use falco_plugin::tables::TablesInput;
use falco_plugin::tables::export::{Entry, Public, Table};
use falco_plugin::tables::import;

use super::host::Syscall;

thread_local! {
    /// The container of each process.
    static OF_PROCESS: RefCell<HashMap<i64, CString>> = RefCell::default();
    /// Image and name of containers that the plugin has not told about yet.
    static KNOWN: RefCell<HashMap<CString, (CString, CString)>> = RefCell::default();
}

/// Puts a process into a container from its next event on.
pub fn contain(pid: i64, container: &str) {
    OF_PROCESS.with_borrow_mut(|of| of.insert(pid, CString::new(container).expect("no NUL")));
}

/// Lets the container plugin learn of a container with its next event.
pub fn describe(container: &str, image: &str, name: &str) {
    let text = |text: &str| CString::new(text).expect("no NUL");
    KNOWN.with_borrow_mut(|known| known.insert(text(container), (text(image), text(name))));
}

#[derive(Entry)]
pub struct Container {
    pub image: Public<CString>,
    pub name: Public<CString>,
}

#[derive(Debug)]
pub struct Tag;

type Thread = import::RuntimeEntry<Tag>;

pub struct Containers {
    containers: Box<Table<CString, Container>>,
    threads: import::Table<i64, Thread>,
    container_id: import::Field<CStr, Thread>,
}

impl Plugin for Containers {
    const NAME: &'static CStr = c"container";
    const PLUGIN_VERSION: &'static CStr = c"0.0.0";
    const DESCRIPTION: &'static CStr = c"what the container plugin is to ours";
    const CONTACT: &'static CStr = c"nobody";
    type ConfigType = String;

    fn new(tables: Option<&TablesInput>, _: String) -> Result<Self, Error> {
        let tables = tables.ok_or_else(|| anyhow!("no tables"))?;
        let threads: import::Table<i64, Thread> = tables.get_table(c"threads")?;
        let container_id = threads.add_field(tables, c"container_id")?;
        Ok(Self { containers: tables.add_table(Table::new(c"containers")?)?, threads, container_id })
    }
}

impl ParsePlugin for Containers {
    type Event<'a> = Syscall<'a>;

    fn parse_event(&mut self, event: &EventInput<Syscall<'_>>, input: &ParseInput) -> Result<(), Error> {
        let Syscall(event) = event.event()?;
        if event.event_type == 402 {
            for (id, (image, name)) in KNOWN.take() {
                let mut container = self.containers.create_entry()?;
                (*container.image, *container.name) = (image, name);
                drop(self.containers.insert(&*id, container));
            }
        } else if let Ok(thread) = self.threads.get_entry(&input.reader, &event.metadata.tid) {
            let id = OF_PROCESS.with_borrow(|of| of.get(&event.metadata.tid).cloned().unwrap_or_default());
            thread.write_field(&input.writer, &self.container_id, &*id)?;
        }
        Ok(())
    }
}

static_plugin!(pub CONTAINERS = Containers);
