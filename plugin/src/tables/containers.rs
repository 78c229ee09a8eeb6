//! The container plugin's table.

use std::ffi::{CStr, CString};

use falco_plugin::tables::import::{Field, RuntimeEntry, Table};
use falco_plugin::tables::{TableReader, TablesInput};

#[derive(Debug)]
pub(crate) struct Tag;

type Entry = RuntimeEntry<Tag>;

/// The table. It is there when the container plugin was loaded before this one.
pub(crate) struct Containers {
    table: Table<CString, Entry>,
    image: Field<CStr, Entry>,
    name: Option<Field<CStr, Entry>>,
}

/// What the container plugin knows of a container. Empty text where it does not know yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Container {
    pub(crate) image: String,
    pub(crate) name: String,
}

impl Containers {
    pub(crate) fn find(tables: &TablesInput<'_>) -> Option<Self> {
        let table: Table<CString, Entry> = tables.get_table(c"containers").ok()?;
        let image = table.get_field(tables, c"image").ok()?;
        let name = table.get_field(tables, c"name").ok();
        Some(Self { table, image, name })
    }

    /// The container with this id, as the thread table's `container_id` has it; `None` where the container plugin has
    /// not heard of it yet.
    pub(crate) fn get(&self, reader: &impl TableReader, id: &CStr) -> Option<Container> {
        let entry = self.table.get_entry(reader, &id.to_owned()).ok()?;
        let text = |field: &Field<CStr, Entry>| {
            entry
                .read_field(reader, field)
                .map(|text| text.to_string_lossy().into_owned())
                .unwrap_or_default()
        };
        Some(Container { image: text(&self.image), name: self.name.as_ref().map(text).unwrap_or_default() })
    }
}
