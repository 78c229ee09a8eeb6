//! A thread table as a C host has one: a map, and the functions that a plugin is given for it.

use std::cell::UnsafeCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char};
use std::ptr::{null, null_mut};
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use falco_plugin::api::*;

/// `SS_PLUGIN_ST_*`.
const STRING: u32 = ss_plugin_state_type_SS_PLUGIN_ST_STRING;

const NUMBERS: &[&CStr] = &[c"tid", c"pid", c"ptid", c"uid", c"loginuid", c"tty"];
const TEXTS: &[&CStr] = &[c"comm", c"exe", c"exe_path"];

/// Where the columns that plugins add begin.
const ADDED: usize = 100;

/// A thread: what its columns hold.
#[derive(Default)]
pub(super) struct Thread {
    pub(super) numbers: [u64; 6],
    pub(super) texts: [CString; 3],
    added: [u64; 4],
}

/// The table behind the C functions, and what was logged.
#[derive(Default)]
pub(super) struct State {
    pub(super) threads: HashMap<i64, Box<Thread>>,
    added: Vec<CString>,
}

/// The instance as its host knows it.
pub struct Owner {
    state: UnsafeCell<State>,
    pub(super) table: UnsafeCell<ss_plugin_table_input>,
    pub(super) log: Mutex<Vec<String>>,
    pub(super) injected: AtomicU64,
}

impl Owner {
    /// With an empty table.
    pub(super) fn new() -> Box<Self> {
        let table = ss_plugin_table_input {
            name: c"threads".as_ptr(),
            key_type: ss_plugin_state_type_SS_PLUGIN_ST_INT64,
            table: null_mut(),
            reader: READER,
            writer: WRITER,
            fields: FIELDS,
            reader_ext: null_mut(),
            writer_ext: null_mut(),
            fields_ext: null_mut(),
        };
        let owner = Box::new(Self {
            state: UnsafeCell::default(),
            table: UnsafeCell::new(table),
            log: Mutex::default(),
            injected: AtomicU64::new(0),
        });
        // SAFETY: nobody else knows the owner yet.
        unsafe { (*owner.table.get()).table = std::ptr::from_ref(&*owner).cast_mut().cast() };
        owner
    }
}

/// The `Owner` of a call.
///
/// # Safety
/// `owner` is what `Falco::new` handed to the plugin, and the instance lives.
pub(super) unsafe fn state<'a>(owner: *mut ss_plugin_owner_t) -> &'a mut State {
    // SAFETY: the caller's promise; the host is called on one thread at a time, and no reference outlives a call.
    unsafe { &mut *(*owner.cast::<Owner>()).state.get() }
}

/// The owner behind a table.
fn owner_of(table: *mut ss_plugin_table_t) -> *mut ss_plugin_owner_t {
    // SAFETY: the only table that the plugin was given is an owner's `table`.
    unsafe { (*table.cast::<ss_plugin_table_input>()).table.cast() }
}

unsafe extern "C-unwind" fn table_name(_: *mut ss_plugin_table_t) -> *const c_char {
    c"threads".as_ptr()
}

unsafe extern "C-unwind" fn table_size(table: *mut ss_plugin_table_t) -> u64 {
    // SAFETY: see `owner_of`.
    unsafe { state(owner_of(table)) }.threads.len() as u64
}

unsafe extern "C-unwind" fn get_entry(
    table: *mut ss_plugin_table_t,
    key: *const ss_plugin_state_data,
) -> *mut ss_plugin_table_entry_t {
    // SAFETY: see `owner_of`; keys of this table are signed numbers.
    let thread = unsafe { state(owner_of(table)).threads.get_mut(&(*key).s64) };
    thread.map_or(null_mut(), |thread| std::ptr::from_mut(&mut **thread).cast())
}

unsafe extern "C-unwind" fn read_field(
    _: *mut ss_plugin_table_t,
    entry: *mut ss_plugin_table_entry_t,
    field: *const ss_plugin_table_field_t,
    out: *mut ss_plugin_state_data,
) -> ss_plugin_rc {
    // SAFETY: `entry` comes from `get_entry` and its box has not moved; `out` is the caller's.
    let (thread, out) = unsafe { (&*entry.cast::<Thread>(), &mut *out) };
    match field.addr() - 1 {
        number if number < NUMBERS.len() => out.u64_ = thread.numbers[number],
        text if text < NUMBERS.len() + TEXTS.len() => out.str_ = thread.texts[text - NUMBERS.len()].as_ptr(),
        added => out.u64_ = thread.added[added - ADDED],
    }
    ss_plugin_rc_SS_PLUGIN_SUCCESS
}

unsafe extern "C-unwind" fn write_field(
    _: *mut ss_plugin_table_t,
    entry: *mut ss_plugin_table_entry_t,
    field: *const ss_plugin_table_field_t,
    value: *const ss_plugin_state_data,
) -> ss_plugin_rc {
    // SAFETY: as in `read_field`; only added columns, which hold numbers, are ever written.
    unsafe { (*entry.cast::<Thread>()).added[field.addr() - 1 - ADDED] = (*value).u64_ };
    ss_plugin_rc_SS_PLUGIN_SUCCESS
}

unsafe extern "C-unwind" fn release(_: *mut ss_plugin_table_t, _: *mut ss_plugin_table_entry_t) {}

unsafe extern "C-unwind" fn iterate(
    table: *mut ss_plugin_table_t,
    each: ss_plugin_table_iterator_func_t,
    context: *mut ss_plugin_table_iterator_state_t,
) -> ss_plugin_bool {
    // SAFETY: see `owner_of`; the callback adds and removes nothing.
    let threads = unsafe { state(owner_of(table)).threads.values_mut() };
    let each = each.expect("a callback");
    for thread in threads {
        // SAFETY: the plugin's own callback with the plugin's own context.
        if unsafe { each(context, std::ptr::from_mut(&mut **thread).cast()) } == 0 {
            return 0;
        }
    }
    1
}

unsafe extern "C-unwind" fn list_fields(
    _: *mut ss_plugin_table_t,
    count: *mut u32,
) -> *const ss_plugin_table_fieldinfo {
    // SAFETY: the caller's.
    unsafe { *count = 0 };
    null()
}

unsafe extern "C-unwind" fn get_field(
    table: *mut ss_plugin_table_t,
    name: *const c_char,
    kind: ss_plugin_state_type,
) -> *mut ss_plugin_table_field_t {
    // SAFETY: the plugin's text; for the owner see `owner_of`.
    let (name, state) = unsafe { (CStr::from_ptr(name), state(owner_of(table))) };
    let position = match kind {
        STRING => TEXTS.iter().position(|text| *text == name).map(|text| NUMBERS.len() + text),
        _ => NUMBERS.iter().position(|number| *number == name),
    };
    let added = || state.added.iter().position(|added| **added == *name).map(|added| ADDED + added);
    position.or_else(added).map_or(null_mut(), |position| std::ptr::without_provenance_mut(position + 1))
}

unsafe extern "C-unwind" fn add_field(
    table: *mut ss_plugin_table_t,
    name: *const c_char,
    _: ss_plugin_state_type,
) -> *mut ss_plugin_table_field_t {
    // SAFETY: as in `get_field`.
    let (name, state) = unsafe { (CStr::from_ptr(name), state(owner_of(table))) };
    state.added.push(name.to_owned());
    std::ptr::without_provenance_mut(ADDED + state.added.len())
}

unsafe extern "C-unwind" fn refuse_entry(_: *mut ss_plugin_table_t) -> *mut ss_plugin_table_entry_t {
    null_mut()
}

unsafe extern "C-unwind" fn refuse(_: *mut ss_plugin_table_t) -> ss_plugin_rc {
    ss_plugin_rc_SS_PLUGIN_NOT_SUPPORTED
}

unsafe extern "C-unwind" fn refuse_erase(
    _: *mut ss_plugin_table_t,
    _: *const ss_plugin_state_data,
) -> ss_plugin_rc {
    ss_plugin_rc_SS_PLUGIN_NOT_SUPPORTED
}

unsafe extern "C-unwind" fn refuse_add(
    _: *mut ss_plugin_table_t,
    _: *const ss_plugin_state_data,
    _: *mut ss_plugin_table_entry_t,
) -> *mut ss_plugin_table_entry_t {
    null_mut()
}

pub(super) const READER_EXT: ss_plugin_table_reader_vtable_ext = ss_plugin_table_reader_vtable_ext {
    get_table_name: Some(table_name),
    get_table_size: Some(table_size),
    get_table_entry: Some(get_entry),
    read_entry_field: Some(read_field),
    release_table_entry: Some(release),
    iterate_entries: Some(iterate),
};

pub(super) const READER: ss_plugin_table_reader_vtable = ss_plugin_table_reader_vtable {
    get_table_name: Some(table_name),
    get_table_size: Some(table_size),
    get_table_entry: Some(get_entry),
    read_entry_field: Some(read_field),
};

pub(super) const WRITER_EXT: ss_plugin_table_writer_vtable_ext = ss_plugin_table_writer_vtable_ext {
    clear_table: Some(refuse),
    erase_table_entry: Some(refuse_erase),
    create_table_entry: Some(refuse_entry),
    destroy_table_entry: Some(release),
    add_table_entry: Some(refuse_add),
    write_entry_field: Some(write_field),
};

pub(super) const WRITER: ss_plugin_table_writer_vtable = ss_plugin_table_writer_vtable {
    clear_table: Some(refuse),
    erase_table_entry: Some(refuse_erase),
    create_table_entry: Some(refuse_entry),
    destroy_table_entry: Some(release),
    add_table_entry: Some(refuse_add),
    write_entry_field: Some(write_field),
};

pub(super) const FIELDS_EXT: ss_plugin_table_fields_vtable_ext = ss_plugin_table_fields_vtable_ext {
    list_table_fields: Some(list_fields),
    get_table_field: Some(get_field),
    add_table_field: Some(add_field),
};

pub(super) const FIELDS: ss_plugin_table_fields_vtable = ss_plugin_table_fields_vtable {
    list_table_fields: Some(list_fields),
    get_table_field: Some(get_field),
    add_table_field: Some(add_field),
};

pub(super) unsafe extern "C-unwind" fn last_error(_: *mut ss_plugin_owner_t) -> *const c_char {
    null()
}

pub(super) unsafe extern "C-unwind" fn list_tables(
    _: *mut ss_plugin_owner_t,
    count: *mut u32,
) -> *mut ss_plugin_table_info {
    // SAFETY: the caller's.
    unsafe { *count = 0 };
    null_mut()
}

pub(super) unsafe extern "C-unwind" fn get_table(
    owner: *mut ss_plugin_owner_t,
    name: *const c_char,
    _: ss_plugin_state_type,
) -> *mut ss_plugin_table_t {
    // SAFETY: the plugin's text, and the owner that it was given.
    unsafe {
        if CStr::from_ptr(name) == c"threads" {
            (*owner.cast::<Owner>()).table.get().cast()
        } else {
            null_mut()
        }
    }
}

pub(super) unsafe extern "C-unwind" fn add_table(
    _: *mut ss_plugin_owner_t,
    _: *const ss_plugin_table_input,
) -> ss_plugin_rc {
    ss_plugin_rc_SS_PLUGIN_NOT_SUPPORTED
}
