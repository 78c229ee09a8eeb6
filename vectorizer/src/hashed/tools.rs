//! Tools whose numbers say what they do: ports, file modes, signals. Everybody else's numbers drift and become a mark.

/// Which numbers of a tool stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    /// None.
    Other,
    /// Every number is a port or as good as one.
    Ports,
    /// As [`Ports`](Self::Ports), and arguments are built of parts between `:` and `,`.
    Relay,
    /// Ports of hosts and behind the flags for one.
    Client,
    /// File modes.
    Modes,
    /// File modes behind the flags for one.
    ModeFlag,
    /// Signals.
    Signals,
}

impl Tool {
    /// The tool that a word names, where it is one whose numbers stay.
    pub(super) fn named(word: &str) -> Option<Self> {
        Some(match word {
            "nc" | "ncat" | "netcat" | "nc.openbsd" | "nc.traditional" | "telnet" | "nmap" | "masscan" => {
                Self::Ports
            }
            "socat" => Self::Relay,
            "ssh" | "curl" | "wget" | "scp" | "sftp" | "sshd" => Self::Client,
            "chmod" | "umask" => Self::Modes,
            "find" | "install" | "mkdir" | "mkfifo" | "mknod" => Self::ModeFlag,
            "kill" | "pkill" | "killall" | "timeout" | "trap" => Self::Signals,
            _ => return None,
        })
    }

    /// Whether the digits in this tool's flags stay: `-9`, `-lvp4444`.
    pub(super) fn keeps_flags(self) -> bool {
        matches!(self, Self::Ports | Self::Relay | Self::Signals)
    }

    /// Whether the port behind a host's name or address stays.
    pub(super) fn keeps_ports(self) -> bool {
        matches!(self, Self::Ports | Self::Relay | Self::Client)
    }

    /// Whether a number stays that follows `flag` (empty where it follows none).
    pub(super) fn keeps_number(self, number: &str, flag: &str) -> bool {
        match self {
            Self::Other => false,
            Self::Ports | Self::Relay => is_ports(number),
            Self::Client => {
                matches!(flag, "-p" | "-P" | "--port" | "--local-port" | "-D") && is_ports(number)
            }
            Self::Modes => is_mode(number),
            Self::ModeFlag => matches!(flag, "-perm" | "-m" | "--mode") && is_mode(number),
            Self::Signals => matches!(flag, "-s" | "-n" | "--signal") && is_ports(number),
        }
    }
}

/// Whether a program's `-c` hands over a script.
pub(super) fn is_shell(name: &str) -> bool {
    matches!(
        name,
        "sh" | "bash"
            | "dash"
            | "zsh"
            | "ksh"
            | "mksh"
            | "ash"
            | "fish"
            | "rbash"
            | "busybox"
            | "su"
            | "runuser"
    )
}

/// Whether a flag hands over text that runs: `-c`, `-lc`.
pub(super) fn takes_program(flag: &str) -> bool {
    flag.len() <= 4 && flag.starts_with('-') && flag.ends_with('c')
}

/// Whether a word of a script stands before what runs: an assignment, a flag, a keyword, a tool that runs another.
pub(super) fn precedes_command(word: &str) -> bool {
    word.starts_with('-')
        || word.contains('=')
        || matches!(
            word,
            "!" | "if"
                | "then"
                | "else"
                | "elif"
                | "do"
                | "while"
                | "until"
                | "time"
                | "exec"
                | "sudo"
                | "nohup"
                | "env"
                | "command"
                | "eval"
                | "export"
        )
}

/// Digits, lists and ranges of them.
fn is_ports(text: &str) -> bool {
    text.len() <= 32
        && text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b',' | b'-'))
}

/// An octal mode, `find`'s `-4000` and `/6000` among them.
fn is_mode(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '/', '+']).unwrap_or(text);
    (1..=6).contains(&digits.len()) && digits.bytes().all(|byte| matches!(byte, b'0'..=b'7'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_stay() {
        for (tool, flag, number, stays) in [
            ("nc", "", "4444", true),
            ("nc", "-p", "1-1024,8080", true),
            ("nmap", "-p", "-", false),
            ("curl", "-m", "5", false),
            ("ssh", "-p", "2222", true),
            ("chmod", "", "4755", true),
            ("chmod", "", "9999", false),
            ("mkdir", "-m", "700", true),
            ("mkdir", "", "700", false),
            ("find", "-perm", "-4000", true),
            ("find", "-size", "4000", false),
            ("kill", "", "1234", false),
            ("kill", "-s", "9", true),
        ] {
            let tool = Tool::named(tool).expect("a tool of the table");
            assert_eq!(tool.keeps_number(number, flag), stays, "{tool:?} {flag} {number}");
        }
        assert_eq!(Tool::named("psql"), None);
    }
}
