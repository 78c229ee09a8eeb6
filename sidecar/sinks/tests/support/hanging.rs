//! A disk that hangs.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Makes opening a file hang until it is let go, as a disk does that does not answer: by a lease on it, which whoever
/// opens it waits for, up to 45 s.
pub struct Hanging(Child);

impl Hanging {
    pub fn new(path: &Path) -> Option<Self> {
        const PROGRAM: &str = "import fcntl, signal, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
file = open(sys.argv[1], 'a+')
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print('held', flush=True)
sys.stdin.read()";
        let mut command = Command::new("python3");
        command.args(["-c", PROGRAM]).arg(path).stdin(Stdio::piped()).stdout(Stdio::piped());
        let held = command.spawn().ok().and_then(|mut child| {
            let mut line = String::new();
            BufReader::new(child.stdout.take()?).read_line(&mut line).ok()?;
            (line == "held\n").then_some(Self(child))
        });
        if held.is_none() {
            println!("skipped: no python3, or no leases on this file system");
        }
        held
    }

    pub fn let_go(mut self) {
        drop(self.0.stdin.take());
        self.0.wait().expect("gone");
    }
}
