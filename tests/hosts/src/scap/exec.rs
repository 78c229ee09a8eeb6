//! What a process becomes by executing a program, as Falco's driver tells it.

use super::task::name_of;

/// Flags of an execution, as `PPM_EXE_*`.
const WRITABLE: u32 = 1;
const UPPER_LAYER: u32 = 1 << 1;
const FROM_MEMFD: u32 = 1 << 2;

/// One execve or execveat.
#[derive(Debug, Clone)]
pub struct Exec {
    /// What was passed as the path; empty for an execution by descriptor.
    pub filename: String,
    /// The executable that the kernel started in the end: of a script, its interpreter.
    pub path: String,
    /// The new name.
    pub name: String,
    /// The argument area after the execution: of a script, with its interpreter in front.
    pub args: Vec<String>,
    /// The user it runs as from now on, where that changes.
    pub uid: Option<u32>,
    /// The controlling terminal's device number from now on, where that changes.
    pub tty: Option<u32>,
    /// Flags of the executable.
    pub flags: u32,
    /// Whether it was execveat.
    pub by_descriptor: bool,
    /// 0, or a negative error number.
    pub result: i64,
}

impl Exec {
    /// An ordinary program: `args[0]` is its name or its path, where it lies follows from that.
    ///
    /// # Panics
    /// Where there is no argument at all.
    pub fn new<S: AsRef<str>>(args: &[S]) -> Self {
        let args: Vec<_> = args.iter().map(|argument| argument.as_ref().to_owned()).collect();
        let program = args.first().expect("an execution in a test has a program");
        let path = if program.contains('/') { program.clone() } else { format!("/usr/bin/{program}") };
        Self {
            filename: path.clone(),
            name: name_of(&path),
            path,
            args,
            uid: None,
            tty: None,
            flags: 0,
            by_descriptor: false,
            result: 0,
        }
    }

    /// A command line, its arguments parted by blanks.
    pub fn line(line: &str) -> Self {
        Self::new(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// A script: the kernel starts the interpreter, puts the script's path where `args[0]` was, and keeps the script's
    /// name for the process.
    pub fn script(interpreter: &str, script: &str, args: &[&str]) -> Self {
        let all: Vec<_> = [interpreter, script].iter().chain(args).copied().collect();
        Self { filename: script.to_owned(), name: name_of(script), ..Self::new(&all) }
    }

    /// A program that lives in memory alone, executed through its descriptor.
    pub fn memfd<S: AsRef<str>>(name: &str, fd: u32, args: &[S]) -> Self {
        Self {
            filename: String::new(),
            path: format!("memfd:{name}"),
            name: fd.to_string(),
            flags: FROM_MEMFD | WRITABLE,
            by_descriptor: true,
            ..Self::new(args)
        }
    }

    /// The same execution, through a descriptor of the ordinary file.
    pub fn through_descriptor(mut self, fd: u32) -> Self {
        self.filename = String::new();
        self.name = fd.to_string();
        self.by_descriptor = true;
        self
    }

    /// The same execution of another user.
    pub fn owned_by(mut self, uid: u32) -> Self {
        self.uid = Some(uid);
        self
    }

    /// The same execution on a terminal.
    pub fn on_terminal(mut self, tty: u32) -> Self {
        self.tty = Some(tty);
        self
    }

    /// The same execution of a file that was added after the container started.
    pub fn added_to_container(mut self) -> Self {
        self.flags |= UPPER_LAYER;
        self
    }

    /// The same execution, refused with this error number.
    pub fn refused(mut self, errno: u16) -> Self {
        self.result = -i64::from(errno);
        self
    }
}
