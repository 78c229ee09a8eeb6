//! A machine or an image without certificates: what is said before anything is sent.

use std::process::Command;

use crate::recording::Folder;
use crate::support::{PROGRAM, run, settle};

/// The program where nobody is trusted.
fn trusting_nobody(folder: &Folder) -> Command {
    let mut command = Command::new(PROGRAM);
    settle(&mut command);
    command.env("SSL_CERT_FILE", folder.file("none.pem", "")).env_remove("SSL_CERT_DIR");
    command
}

#[test]
fn a_sink_over_https_asks_for_certificates_at_the_start() {
    let folder = Folder::new();
    for kind in ["clickhouse", "http", "falcosidekick"] {
        let config = format!(
            "agent: {{feed: proc}}\nstorage: {{path: {:?}}}\napi: {{socket: {:?}}}\n\
             backend: {{sinks: [{{type: {kind}, endpoint: \"https://127.0.0.1:9/\"}}]}}\n",
            folder.path("data"),
            folder.path("api.sock"),
        );
        let config = folder.file("anomaly.yaml", config);
        let mut command = trusting_nobody(&folder);
        run(command.args(["run", "--for", "10s", "--config"]).arg(config))
            .failed_with(&[kind, "no certificates found; install ca-certificates or set ca_file"]);
    }
}

#[test]
fn a_bucket_asks_for_them_too() {
    let folder = Folder::new();
    let mut command = trusting_nobody(&folder);
    command.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", "secret");
    command.env("AWS_REGION", "eu-west-1").env_remove("AWS_ALLOW_HTTP").env_remove("AWS_ENDPOINT");
    run(command.args(["baseline", "shared", "--forget", "web-1", "--shared", "s3://baselines/production"]))
        .failed_with(&["s3://baselines/production", "no certificates found", "SSL_CERT_FILE"]);
}
