//! Executions for benchmarks: many distinct ones that look like those of real services, the same in every run.

use anomaly_vectorizer::canonical::Raw;
use anomaly_vectorizer::scrub::Scrubber;
use anomaly_vectorizer::{Arguments, Execution};

/// A small generator of numbers, the same everywhere (splitmix64).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    /// The next number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

const PROGRAMS: &[(&str, &str, &str)] = &[
    ("curl", "sh", "nginx"),
    ("sh", "php-fpm8.2", "php-fpm8.2"),
    ("convert", "sh", "php-fpm8.2"),
    ("pg_dump", "backup.sh", "cron"),
    ("rsync", "backup.sh", "cron"),
    ("find", "sh", "cron"),
    ("python3", "bash", "sshd"),
    ("gcc", "make", "bash"),
    ("cp", "install.sh", "dpkg"),
    ("openssl", "renew.sh", "systemd"),
];

const FLAGS: &[&str] = &[
    "-v",
    "-f",
    "-o",
    "--output=/tmp/x",
    "-s",
    "--silent",
    "-L",
    "-r",
    "--recursive",
    "-q",
    "-n",
    "-x",
    "-e",
    "-p",
    "-a",
    "--verbose",
    "--force",
    "--max-time",
    "--retry",
    "--color=never",
    "-type",
    "-name",
    "-exec",
    "-W",
    "-O2",
    "-c",
];

const ROOTS: &[&str] =
    &["/var/www", "/srv/app", "/usr/lib", "/opt/tools", "/home/deploy", "/etc/nginx", "/var/lib/pg"];

const SYLLABLES: &[&str] = &[
    "al", "bor", "cen", "dor", "el", "fan", "gor", "hul", "im", "jas", "kel", "lor", "men", "nor", "op",
    "pel", "qui", "ros", "sel", "tor", "ul", "ven", "wil", "yor", "zen",
];

/// One execution; two calls rarely give the same one.
pub(crate) fn execution(numbers: &mut Numbers) -> Execution {
    let (name, parent, grandparent) = PROGRAMS[numbers.below(PROGRAMS.len())];
    let mut arguments = vec![format!("/usr/bin/{name}")];
    for _ in 0..2 + numbers.below(7) {
        arguments.push(match numbers.below(5) {
            0 | 1 => numbers.pick(FLAGS).to_owned(),
            2 => format!("{}/{}/{}.conf", numbers.pick(ROOTS), word(numbers), word(numbers)),
            3 => format!("https://{}.example.org/{}", word(numbers), word(numbers)),
            _ => word(numbers),
        });
    }
    let uid = [0, 33, 1000, 999][numbers.below(4)];
    made(name, parent, grandparent, uid, &arguments)
}

fn word(numbers: &mut Numbers) -> String {
    (0..3).map(|_| numbers.pick(SYLLABLES)).collect()
}

fn made(name: &str, parent: &str, grandparent: &str, uid: u32, arguments: &[String]) -> Execution {
    let area = arguments.iter().flat_map(|argument| argument.bytes().chain([0])).collect::<Vec<_>>();
    let raw = Raw {
        name: name.as_bytes(),
        parent: parent.as_bytes(),
        grandparent: grandparent.as_bytes(),
        uid,
        arguments: &area,
        ..Raw::default()
    };
    let execution = raw.execution(&Scrubber::default());
    debug_assert_eq!(execution.arguments, Arguments::new(arguments), "nothing here is a secret or a script");
    execution
}
