//! A host that calls the plugin as Falco does: through the C functions, with a thread table of its own behind them, as
//! cheap as one can be, so that what is measured is the plugin.

#![expect(unsafe_code, reason = "the other side of a C interface")]
#![allow(
    clippy::print_stderr,
    reason = "says why a test aborts; where it is part of a unit test nobody minds"
)]

mod table;

use std::ffi::{CStr, CString, c_char};
use std::ptr::{null, null_mut};
use std::sync::Mutex;
use std::sync::atomic::Ordering::Relaxed;

use falco_plugin::api::*;
use table::*;

/// One instance of the plugin in its host.
pub struct Falco {
    api: plugin_api,
    plugin: *mut ss_plugin_t,
    /// What the plugin holds pointers to, at an address that stays.
    owner: Box<Owner>,
    fields: Vec<(String, u32)>,
    capturing: bool,
}

/// The owners that live. Falco asks whoever a message comes from for its name; one that was freed it would read.
static LIVING: Mutex<Vec<usize>> = Mutex::new(Vec::new());

unsafe extern "C-unwind" fn log(
    owner: *mut ss_plugin_owner_t,
    _: *const c_char,
    message: *const c_char,
    _: ss_plugin_log_severity,
) {
    let lives = LIVING.lock().expect("not poisoned").contains(&owner.addr());
    if !lives {
        eprintln!("the plugin logs in the name of an instance that was destroyed");
        std::process::abort();
    }
    // SAFETY: it lives, and the text is the plugin's.
    let (owner, message) = unsafe { (&*owner.cast::<Owner>(), CStr::from_ptr(message)) };
    owner.log.lock().expect("not poisoned").push(message.to_string_lossy().into_owned());
}

unsafe extern "C-unwind" fn take_injected(
    owner: *mut ss_plugin_owner_t,
    _: *const ss_plugin_event,
    _: *mut c_char,
) -> ss_plugin_rc {
    // SAFETY: an instance that was destroyed injects nothing any more, which `Falco`'s drop sees to before.
    unsafe { (*owner.cast::<Owner>()).injected.fetch_add(1, Relaxed) };
    ss_plugin_rc_SS_PLUGIN_SUCCESS
}

unsafe extern "C-unwind" fn subscribe(
    _: *mut ss_plugin_owner_t,
    _: ss_plugin_routine_fn_t,
    _: *mut ss_plugin_routine_state_t,
) -> *mut ss_plugin_routine_t {
    null_mut()
}

unsafe extern "C-unwind" fn unsubscribe(
    _: *mut ss_plugin_owner_t,
    _: *mut ss_plugin_routine_t,
) -> ss_plugin_rc {
    ss_plugin_rc_SS_PLUGIN_SUCCESS
}

impl Falco {
    /// Loads an instance: no capture yet.
    pub fn new(config: &CStr) -> Self {
        let api = anomaly::__plugin_base_api();
        let owner = Owner::new();
        let (mut reader, mut writer, mut fields) = (READER_EXT, WRITER_EXT, FIELDS_EXT);
        let tables = ss_plugin_init_tables_input {
            list_tables: Some(list_tables),
            get_table: Some(get_table),
            add_table: Some(add_table),
            fields: FIELDS,
            fields_ext: &raw mut fields,
            reader_ext: &raw mut reader,
            writer_ext: &raw mut writer,
        };
        LIVING.lock().expect("not poisoned").push(std::ptr::from_ref(&*owner).addr());
        let mut falco = Self { api, plugin: null_mut(), owner, fields: Vec::new(), capturing: false };
        let input = ss_plugin_init_input {
            config: config.as_ptr(),
            owner: falco.owner(),
            get_owner_last_error: Some(last_error),
            tables: &raw const tables,
            log_fn: Some(log),
        };
        let mut rc = 0;
        // SAFETY: everything that is pointed to outlives the call, and the owner outlives the plugin.
        falco.plugin = unsafe { falco.api.init.expect("there")(&raw const input, &raw mut rc) };
        assert_eq!(rc, ss_plugin_rc_SS_PLUGIN_SUCCESS, "{}", falco.last_error());
        // SAFETY: a static text.
        let json = unsafe { CStr::from_ptr(falco.api.__bindgen_anon_2.get_fields.expect("there")()) };
        let fields: serde_json::Value = serde_json::from_slice(json.to_bytes()).expect("JSON");
        for field in fields.as_array().expect("a list") {
            let kind = match field["type"].as_str() {
                Some("string") => ss_plugin_field_type_FTYPE_STRING,
                Some("bool") => ss_plugin_field_type_FTYPE_BOOL,
                _ => ss_plugin_field_type_FTYPE_UINT64,
            };
            falco.fields.push((field["name"].as_str().expect("a name").to_owned(), kind));
        }
        falco
    }

    fn owner(&self) -> *mut ss_plugin_owner_t {
        std::ptr::from_ref(&*self.owner).cast_mut().cast()
    }

    fn last_error(&self) -> String {
        // SAFETY: the plugin's own text.
        let error = unsafe { CStr::from_ptr(self.api.get_last_error.expect("there")(self.plugin)) };
        error.to_string_lossy().into_owned()
    }

    /// What the plugin has logged in this instance's name.
    pub fn log(&self) -> Vec<String> {
        self.owner.log.lock().expect("not poisoned").clone()
    }

    /// Adds a process to the thread table, or changes it.
    pub fn process(&mut self, pid: i64, ppid: i64, name: &str) {
        let name = CString::new(name).expect("no NUL");
        // SAFETY: no call is under way.
        let thread = unsafe { state(self.owner()) }.threads.entry(pid).or_default();
        thread.numbers[..3].copy_from_slice(&[pid as u64, pid as u64, ppid as u64]);
        thread.texts = [name.clone(), name.clone(), name];
    }

    fn listen(&mut self, open: bool) {
        let (mut reader, mut writer) = (READER_EXT, WRITER_EXT);
        let mut routine =
            ss_plugin_routine_vtable { subscribe: Some(subscribe), unsubscribe: Some(unsubscribe) };
        let input = ss_plugin_capture_listen_input {
            owner: self.owner(),
            routine: &raw mut routine,
            table_reader_ext: &raw mut reader,
            table_writer_ext: &raw mut writer,
            get_owner_last_error: Some(last_error),
        };
        let listen = &self.api.__bindgen_anon_5;
        let call = if open { listen.capture_open } else { listen.capture_close };
        // SAFETY: everything that is pointed to outlives the call.
        let rc = unsafe { call.expect("there")(self.plugin, &raw const input) };
        assert_eq!(rc, ss_plugin_rc_SS_PLUGIN_SUCCESS, "{}", self.last_error());
        self.capturing = open;
    }

    /// Begins a capture: a replay, for nothing can be injected.
    pub fn open(&mut self) {
        self.listen(true);
    }

    /// Begins a live capture.
    pub fn open_live(&mut self) {
        self.set_handler(Some(take_injected));
        self.listen(true);
    }

    fn set_handler(&mut self, handler: ss_plugin_async_event_handler_t) {
        let set = self.api.__bindgen_anon_4.set_async_event_handler.expect("there");
        // SAFETY: the owner outlives the plugin, and the handler is a function.
        let rc = unsafe { set(self.plugin, self.owner(), handler) };
        assert_eq!(rc, ss_plugin_rc_SS_PLUGIN_SUCCESS, "{}", self.last_error());
    }

    /// Events that the plugin has injected.
    pub fn injected(&self) -> u64 {
        self.owner.injected.load(Relaxed)
    }

    /// Ends it.
    pub fn close(&mut self) {
        self.listen(false);
    }

    /// Lets the plugin parse an event.
    pub fn parse(&mut self, event: &[u8]) {
        let (mut reader, mut writer) = (READER_EXT, WRITER_EXT);
        let input =
            ss_plugin_event_input { evt: event.as_ptr().cast(), evtnum: 1, evtsrc: c"syscall".as_ptr() };
        let parse_input = ss_plugin_event_parse_input {
            owner: self.owner(),
            get_owner_last_error: Some(last_error),
            table_reader: READER,
            table_writer: WRITER,
            table_reader_ext: &raw mut reader,
            table_writer_ext: &raw mut writer,
        };
        let parse = self.api.__bindgen_anon_3.parse_event.expect("there");
        // SAFETY: everything that is pointed to outlives the call.
        let rc = unsafe { parse(self.plugin, &raw const input, &raw const parse_input) };
        assert_eq!(rc, ss_plugin_rc_SS_PLUGIN_SUCCESS);
    }

    /// Extracts a field of an event, by its position among the fields; whether there was a value.
    pub fn extract(&mut self, event: &[u8], field: usize) -> Option<ss_plugin_extract_field> {
        let (name, kind) = &self.fields[field];
        let mut extracted = ss_plugin_extract_field {
            res: ss_plugin_extract_field__bindgen_ty_1 { u64_: null_mut() },
            res_len: 0,
            field_id: field as u32,
            field: name.as_ptr().cast(),
            arg_key: null(),
            arg_index: 0,
            arg_present: 0,
            ftype: *kind,
            flist: 0,
        };
        let mut reader = READER_EXT;
        let input =
            ss_plugin_event_input { evt: event.as_ptr().cast(), evtnum: 1, evtsrc: c"syscall".as_ptr() };
        let extract_input = ss_plugin_field_extract_input {
            owner: self.owner(),
            get_owner_last_error: Some(last_error),
            num_fields: 1,
            fields: &raw mut extracted,
            table_reader: READER,
            table_reader_ext: &raw mut reader,
            value_offsets: null_mut(),
        };
        let extract = self.api.__bindgen_anon_2.extract_fields.expect("there");
        // SAFETY: everything that is pointed to outlives the call.
        let rc = unsafe { extract(self.plugin, &raw const input, &raw const extract_input) };
        assert_eq!(rc, ss_plugin_rc_SS_PLUGIN_SUCCESS);
        (extracted.res_len > 0).then_some(extracted)
    }

    /// The position of a field among all.
    pub fn position(&self, name: &str) -> usize {
        self.fields.iter().position(|(other, _)| other == name).expect("a known field")
    }

    /// A field that is a number.
    pub fn number(&mut self, event: &[u8], name: &str) -> Option<u64> {
        let extracted = self.extract(event, self.position(name))?;
        // SAFETY: a field of this type answers with one number that lives until the next call.
        Some(unsafe { *extracted.res.u64_ })
    }

    /// A field that is text.
    pub fn text(&mut self, event: &[u8], name: &str) -> Option<String> {
        let extracted = self.extract(event, self.position(name))?;
        // SAFETY: a field of this type answers with one pointer to a text that lives until the next call.
        let text = unsafe { CStr::from_ptr(*extracted.res.str_) };
        Some(text.to_string_lossy().into_owned())
    }
}

/// The sources of events that each capability asks for.
pub fn sources(api: &plugin_api) -> [String; 3] {
    let calls = [
        api.__bindgen_anon_2.get_extract_event_sources,
        api.__bindgen_anon_3.get_parse_event_sources,
        api.__bindgen_anon_4.get_async_event_sources,
    ];
    // SAFETY: they take nothing and give a text that stays.
    calls.map(|call| unsafe { CStr::from_ptr(call.expect("there")()) }.to_string_lossy().into_owned())
}

/// The types of events that are parsed.
pub fn parsed_types(api: &plugin_api) -> Vec<u16> {
    let mut count = 0;
    // SAFETY: the instance is not looked at, and the list stays.
    unsafe {
        let types = api.__bindgen_anon_3.get_parse_event_types.expect("there")(&raw mut count, null_mut());
        std::slice::from_raw_parts(types, count as usize).to_vec()
    }
}

/// Asks for metrics as Falco's web server does: on a thread of its own, whatever the instance does meanwhile.
#[derive(Clone, Copy)]
pub struct WebServer {
    get_metrics: unsafe extern "C-unwind" fn(*mut ss_plugin_t, *mut u32) -> *mut ss_plugin_metric,
    plugin: *mut ss_plugin_t,
}

// SAFETY: that this may be called on any thread while others call the rest is what the plugin promises.
unsafe impl Send for WebServer {}
// SAFETY: see above.
unsafe impl Sync for WebServer {}

impl WebServer {
    /// A metric by name.
    ///
    /// # Panics
    /// When the instance is gone there is nothing to ask.
    pub fn metric(self, name: &str) -> Option<u64> {
        let mut count = 0;
        // SAFETY: the instance lives as long as its `Falco`, which whoever asks keeps.
        let metrics = unsafe { (self.get_metrics)(self.plugin, &raw mut count) };
        if count == 0 {
            return None;
        }
        // SAFETY: so many metrics lie there until the next call on this thread.
        let metrics = unsafe { std::slice::from_raw_parts(metrics, count as usize) };
        // SAFETY: names are static texts, and all of ours are of this type.
        metrics.iter().find_map(|metric| unsafe {
            (CStr::from_ptr(metric.name).to_bytes() == name.as_bytes()).then_some(metric.value.u64_)
        })
    }
}

impl Falco {
    /// The one who asks for metrics.
    pub fn web_server(&self) -> WebServer {
        WebServer { get_metrics: self.api.get_metrics.expect("there"), plugin: self.plugin }
    }
}

impl Drop for Falco {
    fn drop(&mut self) {
        self.set_handler(None);
        if self.capturing {
            self.close();
        }
        // SAFETY: made by `init`, and destroyed once. The owner goes afterwards, as in Falco.
        unsafe { self.api.destroy.expect("there")(self.plugin) };
        let owner = self.owner().addr();
        LIVING.lock().expect("not poisoned").retain(|living| *living != owner);
    }
}
