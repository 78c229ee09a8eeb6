//! The sockets that a program inherits as descriptors 0-2.
//!
//! ```text
//! task -> files -> fdt -> fd[n] -> file --private_data--> socket -> sk: family, protocol, addresses, ports
//!                                    ^---------file---------'
//! ```
//! A shell whose input is a TCP connection is a remote shell, whoever typed its name. Descriptors marked
//! close-on-exec are already gone when the tracepoint fires.

use anomaly_ebpf::{Field, Header, SocketHeader, known};
use aya_ebpf::helpers::bpf_probe_read_kernel;

use crate::kernel::{Address, follow, has, read};

const FILE_TYPE: u16 = 0o170_000;
const SOCKET: u16 = 0o140_000;
const INET: u16 = 2;
const INET6: u16 = 10;

/// Fills in the header's sockets.
#[inline(always)]
pub(crate) fn describe(header: &mut Header, task: Address) -> Option<()> {
    let table = follow(task, Field::TaskFiles).and_then(|files| follow(files, Field::FilesTable))?;
    let files = follow(table, Field::TableFiles)?;
    // SAFETY: the helper checks the address; a table of files never has fewer than `BITS_PER_LONG` entries.
    let files: [Address; 3] = unsafe { bpf_probe_read_kernel(files.cast()) }.ok()?;
    for fd in 0..3 {
        if let Some(socket) = socket(files[fd]) {
            header.sockets[fd] = socket;
        }
    }
    if has(Field::SockFamily) && has(Field::SocketFile) {
        header.known |= known::SOCKETS;
    }
    Some(())
}

/// What a file is as a socket; `None` where it is none.
#[inline(always)]
fn socket(file: Address) -> Option<SocketHeader> {
    let mode: u16 = follow(file, Field::FileInode).and_then(|inode| read(inode, Field::InodeMode))?;
    if mode & FILE_TYPE != SOCKET {
        return None;
    }
    let socket = follow(file, Field::FilePrivate)?;
    // A socket's name in the file system, opened with O_PATH, has the same type and no socket behind it.
    if read::<Address>(socket, Field::SocketFile)? != file {
        return None;
    }
    let sock = follow(socket, Field::SocketSock)?;
    let family: u16 = read(sock, Field::SockFamily)?;
    let mut described =
        SocketHeader { family, protocol: 0, local_port: 0, remote_port: 0, local: [0; 16], remote: [0; 16] };
    if family == INET || family == INET6 {
        described.protocol = read(sock, Field::SockProtocol).unwrap_or(0);
        described.local_port = read(sock, Field::SockLocalPort).unwrap_or(0);
        described.remote_port = read(sock, Field::SockRemotePort).unwrap_or(0);
    }
    if family == INET {
        described.local[..4].copy_from_slice(&read::<[u8; 4]>(sock, Field::SockLocal4).unwrap_or_default());
        described.remote[..4].copy_from_slice(&read::<[u8; 4]>(sock, Field::SockRemote4).unwrap_or_default());
    } else if family == INET6 {
        described.local = read(sock, Field::SockLocal6).unwrap_or_default();
        described.remote = read(sock, Field::SockRemote6).unwrap_or_default();
    }
    Some(described)
}
