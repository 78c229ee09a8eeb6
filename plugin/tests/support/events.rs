//! Events of system calls as Falco's driver writes them: header, lengths, parameters.

/// `PPME_*` codes.
const CLONE: u16 = 223;
const EXECVE: u16 = 293;
const EXECVEAT: u16 = 331;
const CONNECT: u16 = 23;
const OPENAT: u16 = 307;
const ASYNC: u16 = 402;

/// A successful exec.
#[derive(Debug, Clone)]
pub struct Exec {
    pub pid: i64,
    pub ppid: i64,
    pub name: String,
    pub arguments: Vec<String>,
    pub uid: u32,
    pub terminal: u32,
    pub login_uid: u32,
    pub flags: u32,
    pub executable: String,
    pub cgroup: String,
    /// Nanoseconds since the Unix epoch.
    pub time: u64,
    /// `execve` returned this.
    pub result: i64,
    pub code: u16,
}

/// An exec of a process, its command line split at spaces.
pub fn exec(pid: i64, ppid: i64, line: &str) -> Exec {
    let arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
    let name = arguments[0].rsplit('/').next().unwrap_or_default();
    Exec {
        pid,
        ppid,
        name: name.chars().take(15).collect(),
        executable: arguments[0].clone(),
        arguments,
        uid: 0,
        terminal: 0,
        login_uid: u32::MAX,
        flags: 0,
        cgroup: "/".into(),
        time: now(),
        result: 0,
        code: EXECVE,
    }
}

/// The same by `execveat`.
pub fn execveat(pid: i64, ppid: i64, line: &str) -> Exec {
    Exec { code: EXECVEAT, ..exec(pid, ppid, line) }
}

fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    since.as_nanos() as u64
}

impl Exec {
    /// The exit event, with the 31 parameters of today's Falco.
    pub fn event(&self) -> Vec<u8> {
        let text = |text: &str| [text.as_bytes(), b"\0"].concat();
        let (number, word) = (|n: i64| n.to_ne_bytes().to_vec(), |n: u32| n.to_ne_bytes().to_vec());
        let rest: Vec<u8> = self.arguments.iter().skip(1).flat_map(|argument| text(argument)).collect();
        let cgroups: Vec<u8> = ["cpuset", "cpu", "memory"]
            .iter()
            .flat_map(|name| text(&format!("{name}={}", self.cgroup)))
            .collect();
        let mut all = vec![
            number(self.result),
            self.arguments.first().map(|first| text(first)).unwrap_or_default(),
            rest,
            number(self.pid),
            number(self.pid),
            number(self.ppid),
            text("/"),
        ];
        all.extend((7..10).map(|_| number(0)));
        all.extend((10..13).map(|_| word(0)));
        all.extend([text(&self.name), cgroups, text("PATH=/usr/bin"), word(self.terminal), number(self.pid)]);
        all.extend([word(self.login_uid), word(self.flags)]);
        all.extend((20..26).map(|_| number(0)));
        all.extend([word(self.uid), text(&self.executable), number(0), word(0), text(&self.executable)]);
        assert_eq!(all.len(), 31);
        event(self.code, self.time, self.pid, &all)
    }
}

/// The child's side of a clone: a process where `tid` is `pid`, else a thread.
pub fn clone(tid: i64, pid: i64, ppid: i64) -> Vec<u8> {
    let number = |n: i64| n.to_ne_bytes().to_vec();
    let mut all = vec![number(0), b"\0".to_vec(), Vec::new(), number(tid), number(pid), number(ppid)];
    all.extend((6..21).map(|_| Vec::new()));
    event(CLONE, now(), tid, &all)
}

/// The exit of a `connect`, of which nothing is looked at.
pub fn connect(tid: i64) -> Vec<u8> {
    event(CONNECT, now(), tid, &[0_i64.to_ne_bytes().to_vec(), Vec::new()])
}

/// The exit of an `openat` at a moment: nanoseconds since the Unix epoch.
pub fn open(tid: i64, path: &str, flags: u32, time: u64) -> Vec<u8> {
    let (number, word) = (|n: i64| n.to_ne_bytes().to_vec(), |n: u32| n.to_ne_bytes().to_vec());
    let path = [path.as_bytes(), b"\0"].concat();
    event(OPENAT, time, tid, &[number(3), number(-100), path, word(flags), word(0), word(0), number(0)])
}

/// The exit of a `connect` over IPv4 at a moment.
pub fn connect_to(tid: i64, address: std::net::SocketAddrV4, time: u64) -> Vec<u8> {
    let mut tuple = vec![2, 10, 0, 0, 9];
    tuple.extend(41_000_u16.to_ne_bytes());
    tuple.extend(address.ip().octets());
    tuple.extend(address.port().to_ne_bytes());
    let number = |n: i64| n.to_ne_bytes().to_vec();
    event(CONNECT, time, tid, &[number(0), tuple, number(5)])
}

/// What the container plugin injects when it has learned of a container.
pub fn container_event() -> Vec<u8> {
    let parameters: [&[u8]; 3] = [&0_u32.to_ne_bytes(), b"container\0", b"{}"];
    let lengths: Vec<u8> = parameters.iter().flat_map(|p| (p.len() as u32).to_ne_bytes()).collect();
    header(ASYNC, now(), -1, 3, &[lengths, parameters.concat()].concat())
}

fn event(code: u16, time: u64, tid: i64, parameters: &[Vec<u8>]) -> Vec<u8> {
    let lengths: Vec<u8> = parameters.iter().flat_map(|p| (p.len() as u16).to_ne_bytes()).collect();
    header(code, time, tid, parameters.len() as u32, &[lengths, parameters.concat()].concat())
}

fn header(code: u16, time: u64, tid: i64, count: u32, payload: &[u8]) -> Vec<u8> {
    let mut event = Vec::new();
    event.extend(time.to_ne_bytes());
    event.extend(tid.to_ne_bytes());
    event.extend((26 + payload.len() as u32).to_ne_bytes());
    event.extend(code.to_ne_bytes());
    event.extend(count.to_ne_bytes());
    event.extend(payload);
    event
}
