//! Machines that share through a real S3-compatible server on loopback: engines with databases of their own, in
//! processes of their own, which are killed and cut off while they learn.

#[cfg(feature = "s3")]
mod database;
#[cfg(feature = "s3")]
mod fakes;
#[cfg(feature = "s3")]
mod kills;
#[cfg(feature = "s3")]
mod machine;
#[cfg(feature = "s3")]
mod moto;
#[cfg(feature = "s3")]
mod proxy;
