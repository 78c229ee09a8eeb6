//! Clients whose short flags hold secrets. `-p` is a port, a path or `--parents` for everybody else.

/// Whose short flags the next words are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    /// Nobody's who matters here.
    Other,
    /// `-pSECRET`, never apart: `-p NAME` asks for the password and names a database.
    Attached,
    /// `-p SECRET` and `-pSECRET`.
    Password,
    /// `-P SECRET` and `-PSECRET`.
    UpperPassword,
    /// `-u USER:SECRET`, `-U USER:SECRET`.
    Curl,
    /// `-a USER:SECRET`.
    Httpie,
    /// `-a SECRET`.
    Redis,
    /// `-w SECRET`.
    Ldap,
    /// `-U USER%SECRET`.
    Samba,
    /// `-A SECRET`, `-X SECRET`, `-c SECRET`.
    Snmp,
    /// `openssl passwd SECRET`.
    Passwd,
    /// `-k SECRET`; `-pass`, `-passin`, `-passout` say so by themselves.
    Openssl,
    /// Has a `login` that takes `-p SECRET`.
    Registry,
    /// `-b FILE USER SECRET`, `-nb USER SECRET`.
    Htpasswd,
}

/// What a short flag does with its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secret {
    /// All of it is one.
    Whole,
    /// What follows the first of these is.
    After(u8),
}

impl Command {
    /// The command that a word names, where it is one with such flags.
    pub(super) fn named(word: &str) -> Option<Self> {
        Some(match word {
            "mysql" | "mysqldump" | "mysqladmin" | "mysqlimport" | "mysqlcheck" | "mysqlshow"
            | "mysqlslap" | "mysqlpump" | "mariadb" | "mariadb-dump" | "mariadb-admin" | "mariadb-check"
            | "mariadb-import" | "7z" | "7za" | "7zz" | "rar" | "unrar" => Self::Attached,
            "sshpass" | "mongo" | "mongosh" | "mongodump" | "mongorestore" | "mongoexport"
            | "mongoimport" | "cqlsh" | "rdesktop" | "xfreerdp" | "rabbitmqadmin" | "usermod" | "useradd"
            | "clickhouse-client" | "crackmapexec" | "netexec" | "nxc" | "hydra" | "evil-winrm" => {
                Self::Password
            }
            "zip" | "unzip" | "ipmitool" | "sqlcmd" | "bcp" | "isql" | "tsql" => Self::UpperPassword,
            "curl" => Self::Curl,
            "http" | "https" | "xh" => Self::Httpie,
            "redis-cli" | "valkey-cli" | "keydb-cli" | "redis-benchmark" => Self::Redis,
            "ldapsearch" | "ldapadd" | "ldapmodify" | "ldapdelete" | "ldappasswd" | "ldapwhoami" => {
                Self::Ldap
            }
            "smbclient" | "rpcclient" | "smbget" | "smbmap" | "mount.cifs" => Self::Samba,
            "snmpwalk" | "snmpget" | "snmpset" | "snmpbulkwalk" => Self::Snmp,
            "openssl" => Self::Openssl,
            "docker" | "podman" | "nerdctl" | "buildah" | "skopeo" | "helm" | "oc" | "az" | "crane"
            | "oras" | "regctl" => Self::Registry,
            "htpasswd" => Self::Htpasswd,
            _ => return None,
        })
    }

    /// What the value of the short flag `letter` is. `attached`: it follows in the same word.
    pub(super) fn flag(self, letter: u8, attached: bool) -> Option<Secret> {
        match (self, letter) {
            (Self::Attached, b'p') if attached => Some(Secret::Whole),
            (Self::Password, b'p') | (Self::UpperPassword, b'P') | (Self::Redis, b'a') => Some(Secret::Whole),
            (Self::Ldap, b'w') | (Self::Snmp, b'A' | b'X' | b'c') => Some(Secret::Whole),
            (Self::Openssl, b'k') if !attached => Some(Secret::Whole),
            (Self::Curl, b'u' | b'U' | b'E') | (Self::Httpie, b'a') => Some(Secret::After(b':')),
            (Self::Samba, b'U') => Some(Secret::After(b'%')),
            _ => None,
        }
    }
}
