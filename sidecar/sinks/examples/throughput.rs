//! How many executions a second go through two sinks, to servers on the loopback interface that take everything.
//!
//! `cargo run -p anomaly-sinks --example throughput -- [EXECUTIONS]`

#![expect(clippy::print_stdout, reason = "it is what this program is for")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anomaly_scored::ScoredExecution;
use anomaly_sinks::{ClickHouseConfig, HttpConfig, QueueConfig, SinkConfig, Sinks};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u64 = std::env::args().nth(1).map_or(Ok(200_000), |text| text.parse())?;
    let queue = || QueueConfig { events: 1_000_000, bytes: 1 << 30, spool_bytes: 0 };
    let http = HttpConfig { queue: queue(), ..HttpConfig::to(serve("")?) };
    let clickhouse =
        ClickHouseConfig { queue: queue(), endpoint: serve("26.9.1")?, ..ClickHouseConfig::default() };
    let spool = std::env::temp_dir();
    let sinks = Sinks::start(&[SinkConfig::Http(http), SinkConfig::Clickhouse(clickhouse)], &spool, "here")?;

    let event: ScoredExecution = serde_json::from_str(include_str!("execution.json"))?;
    let events: Vec<_> = (0..count)
        .map(|number| Arc::new(ScoredExecution { id: format!("{number:032x}"), ..event.clone() }))
        .collect();
    let begun = Instant::now();
    for event in &events {
        sinks.send(event);
    }
    let handed_over = begun.elapsed();
    let waiting = || sinks.status().iter().any(|status| status.sent + status.dropped.total() < count - 5_000);
    while waiting() {
        thread::sleep(Duration::from_millis(1));
    }
    sinks.close(Duration::from_secs(60));
    let delivered = begun.elapsed();
    println!("handing over: {:.2} us each", handed_over.as_secs_f64() * 1e6 / count as f64);
    for status in sinks.status() {
        println!("{}: {} sent, {} dropped", status.name, status.sent, status.dropped.total());
    }
    println!("through both sinks: {:.0} executions a second", count as f64 / delivered.as_secs_f64());
    Ok(())
}

/// A server that reads what it is sent and answers 200 with this text.
fn serve(text: &'static str) -> io::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let url = format!("http://{}/", listener.local_addr()?);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that goes away ends its connection only.
            thread::spawn(move || drop(answer(&stream, text)));
        }
    });
    Ok(url)
}

fn answer(mut stream: &TcpStream, text: &str) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    loop {
        let mut length = 0;
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line == "\r\n" {
                break;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
        }
        io::copy(&mut (&mut reader).take(length), &mut io::sink())?;
        // In one piece: a second one would wait until the first is acknowledged, which takes 40 ms.
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len());
        stream.write_all(answer.as_bytes())?;
    }
}
