//! The server: its thread, its listeners and its connections.
//!
//! One thread serves all connections, because it never waits for anything but them: the service is asked on others. What a
//! caller can hold on to is bounded before it is asked who it is: connections, the size and the time of a request's head,
//! and the time it may take nothing of an answer. Both listeners have their own connections, so that nobody who merely
//! reaches the port shuts out the unix socket.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::Service as _;

use crate::ask::Lane;
use crate::listen::{self, SocketFile};
use crate::page::Page;
use crate::patient::Patient;
use crate::shared::{Shared, VITALS_AT_ONCE};
use crate::{ApiError, Caller, Counters, Limits, Options, Service, routes};

/// How long to wait where connections cannot be taken: no open file left, mostly.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// A running server. Dropped without [`Server::stop`], it closes its connections at once.
#[derive(Debug)]
pub struct Server {
    thread: Option<JoinHandle<bool>>,
    stop: Option<oneshot::Sender<Duration>>,
    socket: Option<SocketFile>,
    tcp: Option<SocketAddr>,
    counters: Counters,
}

impl Server {
    /// Listens and serves. When it returns, whoever connects is answered.
    ///
    /// # Errors
    /// Where there is nothing to listen on, or it cannot be listened on.
    pub fn start(options: Options, service: Arc<dyn Service>) -> Result<Self, ApiError> {
        let Options { socket, tcp, page, limits } = options;
        let limits = limits.bearable();
        if socket.is_none() && tcp.is_none() {
            return Err(ApiError::NothingToListenOn);
        }
        let (unix, file) = socket.map(|path| listen::on_socket(&path)).transpose()?.unzip();
        let (token, address) = tcp.map(|tcp| (tcp.token, tcp.address)).unzip();
        let (loopback, bound) = address.map(listen::on_loopback).transpose()?.unzip();
        let counters = Counters::default();
        let shared = Arc::new(Shared {
            service,
            counters: counters.clone(),
            token,
            questions: Lane::new(limits.at_once, limits.waiting),
            vitals: Lane::new(VITALS_AT_ONCE, limits.waiting),
            page: Page::new(page),
            openapi: routes::document(),
            limits,
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            // One more than can be asked at once, for the page's folder.
            .max_blocking_threads(shared.limits.at_once + VITALS_AT_ONCE + 1)
            .thread_name("api-question")
            .build()
            .map_err(ApiError::Thread)?;
        let listeners = {
            let _entered = runtime.enter();
            Listeners {
                unix: unix.map(UnixListener::from_std).transpose().map_err(ApiError::Thread)?,
                tcp: loopback.map(TcpListener::from_std).transpose().map_err(ApiError::Thread)?,
            }
        };
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("api".into())
            .spawn(move || {
                let all_done = runtime.block_on(serve(listeners, shared, stopped));
                // Questions that are still being answered end by themselves; nobody waits for them any more.
                runtime.shutdown_background();
                all_done
            })
            .map_err(ApiError::Thread)?;
        Ok(Self { thread: Some(thread), stop: Some(stop), socket: file, tcp: bound, counters })
    }

    /// The unix socket that is listened on.
    pub fn socket(&self) -> Option<&Path> {
        self.socket.as_ref().map(SocketFile::path)
    }

    /// The address on loopback that is listened on, with its true port.
    pub fn tcp(&self) -> Option<SocketAddr> {
        self.tcp
    }

    /// What the server counts.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whether its thread still runs. It ends by [`Server::stop`] alone, unless there is a mistake in it.
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Takes no more connections, lets those that are there end their request, and removes the socket. Returns within
    /// about `at_most` whether all of them did; the others were cut off.
    pub fn stop(mut self, at_most: Duration) -> bool {
        self.end(at_most)
    }

    fn end(&mut self, at_most: Duration) -> bool {
        // While it is there, somebody answers: the next one must not find it dead, replace it, and lose it to us.
        self.socket = None;
        if let Some(stop) = self.stop.take() {
            // Where the thread is gone already, joining it tells.
            let _ = stop.send(at_most);
        }
        self.thread.take().is_none_or(|thread| thread.join().unwrap_or(false))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}

struct Listeners {
    unix: Option<UnixListener>,
    tcp: Option<TcpListener>,
}

/// Serves until told to stop; whether all connections ended in time then.
async fn serve(listeners: Listeners, shared: Arc<Shared>, stopped: oneshot::Receiver<Duration>) -> bool {
    let (stopping, told) = watch::channel(false);
    let router = routes::router(Arc::clone(&shared));
    let house =
        House { router, limits: shared.limits.clone(), counters: shared.counters.clone(), stopping: told };
    let mut connections = JoinSet::new();
    let at_most = {
        let Listeners { unix, tcp } = listeners;
        let (unix_places, tcp_places) = (house.places(), house.places());
        let mut stopped = pin!(stopped);
        loop {
            tokio::select! {
                at_most = &mut stopped => break at_most.unwrap_or_default(),
                taken = accept_unix(unix.as_ref()) => match taken {
                    Ok(stream) => house.receive(&mut connections, &unix_places, Door::Unix(stream)),
                    Err(_) => house.cannot_take().await,
                },
                taken = accept_tcp(tcp.as_ref()) => match taken {
                    Ok(stream) => house.receive(&mut connections, &tcp_places, Door::Tcp(stream)),
                    Err(_) => house.cannot_take().await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
    };
    // The listeners are closed; whoever waits at them is told so by the kernel.
    stopping.send_replace(true);
    timeout(at_most, async { while connections.join_next().await.is_some() {} }).await.is_ok()
}

async fn accept_unix(listener: Option<&UnixListener>) -> io::Result<UnixStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(stream, _)| stream),
        None => std::future::pending().await,
    }
}

async fn accept_tcp(listener: Option<&TcpListener>) -> io::Result<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(stream, _)| stream),
        None => std::future::pending().await,
    }
}

enum Door {
    Unix(UnixStream),
    Tcp(TcpStream),
}

/// What every connection needs.
struct House {
    router: Router,
    limits: Limits,
    counters: Counters,
    stopping: watch::Receiver<bool>,
}

impl House {
    fn places(&self) -> Arc<Semaphore> {
        Arc::new(Semaphore::new(self.limits.connections))
    }

    async fn cannot_take(&self) {
        self.counters.failed();
        sleep(AFTER_FAILURE).await;
    }

    /// Serves a connection, or turns it away where there are too many.
    fn receive(&self, connections: &mut JoinSet<()>, places: &Arc<Semaphore>, door: Door) {
        let Ok(place) = Arc::clone(places).try_acquire_owned() else {
            self.counters.refused();
            turn_away(&door);
            return;
        };
        self.counters.connected();
        match door {
            Door::Unix(stream) => match stream.peer_cred() {
                Ok(peer) => {
                    connections.spawn(self.connection(stream, Caller::Local { uid: peer.uid() }, place));
                }
                Err(_) => self.counters.failed(),
            },
            Door::Tcp(stream) => {
                // Answers are written at once, and small ones should not wait for more.
                drop(stream.set_nodelay(true));
                connections.spawn(self.connection(stream, Caller::Token, place));
            }
        }
    }

    fn connection<S>(
        &self,
        stream: S,
        caller: Caller,
        place: OwnedSemaphorePermit,
    ) -> impl Future<Output = ()> + Send + use<S>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (router, limits, counters) = (self.router.clone(), self.limits.clone(), self.counters.clone());
        let mut stopping = self.stopping.clone();
        async move {
            let _place = place;
            let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(caller);
                let mut router = router.clone();
                async move {
                    Ok::<_, Infallible>(router.call(request).await.unwrap_or_else(|never| match never {}))
                }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(limits.head_within)
                .max_header_size(limits.head)
                .max_headers(limits.headers)
                .serve_connection(TokioIo::new(Patient::new(stream, limits.taken_within)), service);
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = told(&mut stopping) => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if ended.is_err() {
                counters.failed();
            }
        }
    }
}

/// Ends when the server is to stop.
async fn told(stopping: &mut watch::Receiver<bool>) {
    // Where the other end is gone, the server is, too.
    drop(stopping.wait_for(|stopping| *stopping).await);
}

/// What a connection is told that finds no place, whatever it wants to ask.
const TURNED_AWAY: &str = concat!(
    "HTTP/1.1 503 Service Unavailable\r\n",
    "content-type: application/json\r\n",
    "retry-after: 1\r\n",
    "connection: close\r\n",
    "content-length: 99\r\n\r\n",
    r#"{"error":{"code":"busy","message":"too many connections are open: close some, or ask again later"}}"#,
);

fn turn_away(door: &Door) {
    // As much as the kernel takes at once, and without waiting: it is a courtesy. What the caller has sent is read, because
    // closing over it would take the answer away.
    let mut sent = [0; 4_096];
    match door {
        Door::Unix(stream) => {
            drop(stream.try_read(&mut sent));
            drop(stream.try_write(TURNED_AWAY.as_bytes()));
        }
        Door::Tcp(stream) => {
            drop(stream.try_read(&mut sent));
            drop(stream.try_write(TURNED_AWAY.as_bytes()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TURNED_AWAY;

    #[test]
    fn the_length_that_is_announced_is_true() {
        let (head, body) = TURNED_AWAY.split_once("\r\n\r\n").expect("head and body");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
        serde_json::from_str::<serde_json::Value>(body).expect("it is JSON");
    }
}
