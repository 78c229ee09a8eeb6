//! A machine's way to the server, which can be cut.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Passes bytes on, both ways. Lives as long as the process.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    cut: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    pub(crate) fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let proxy = Self {
            address: listener.local_addr().expect("it has one"),
            cut: Arc::default(),
            open: Arc::default(),
        };
        let this = proxy.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if !this.cut.load(SeqCst) {
                    this.pass(client, server);
                }
            }
        });
        proxy
    }

    /// Ends every connection, in the midst of whatever it carries, and takes no more.
    pub(crate) fn cut(&self) {
        self.cut.store(true, SeqCst);
        for stream in self.open.lock().expect("nobody panicked").drain(..) {
            // It may have ended by itself.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub(crate) fn mend(&self) {
        self.cut.store(false, SeqCst);
    }

    fn pass(&self, client: TcpStream, server: SocketAddr) {
        let Ok(server) = TcpStream::connect_timeout(&server, Duration::from_secs(5)) else { return };
        let ends = [client.try_clone(), server.try_clone()].map(|end| end.expect("a descriptor"));
        self.open.lock().expect("nobody panicked").extend(ends);
        let other = [server.try_clone(), client.try_clone()].map(|end| end.expect("a descriptor"));
        let [to_server, to_client] = other;
        std::thread::spawn(move || carry(client, to_server));
        std::thread::spawn(move || carry(server, to_client));
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    let mut bytes = [0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
