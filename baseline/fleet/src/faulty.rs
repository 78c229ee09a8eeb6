//! A store in memory that fails when it is told to, before or after it did what was asked.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::place::Place;

/// What all machines share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) memory: InMemory,
    /// Whether it ignores conditions, as some stores do.
    pub(crate) overwrites: AtomicBool,
}

/// One machine's way to it.
#[derive(Debug, Clone)]
pub(crate) struct Faulty {
    pub(crate) shared: Arc<Shared>,
    /// Requests until one fails; the largest number is never.
    left: Arc<AtomicU64>,
    /// Whether what was asked is done all the same, and only the answer lost.
    answer_lost: Arc<AtomicBool>,
}

impl Faulty {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        let left = Arc::new(AtomicU64::new(u64::MAX));
        Self { shared: Arc::clone(shared), left, answer_lost: Arc::default() }
    }

    pub(crate) fn place(&self) -> Place {
        Place::in_store(Arc::new(self.clone()), "some/prefix", "memory")
    }

    /// All requests behind the next `requests` fail, until it is mended.
    pub(crate) fn fail_after(&self, requests: u64, answer_lost: bool) {
        self.left.store(requests, SeqCst);
        self.answer_lost.store(answer_lost, SeqCst);
    }

    pub(crate) fn mend(&self) {
        self.left.store(u64::MAX, SeqCst);
    }

    /// The objects that there are.
    pub(crate) async fn keys(&self) -> Vec<String> {
        let listed: Vec<_> = self.shared.memory.list(None).try_collect().await.expect("memory");
        listed.into_iter().map(|object| object.location.to_string()).collect()
    }

    fn fails(&self) -> bool {
        let left = self.left.load(SeqCst);
        if left != u64::MAX && left > 0 {
            self.left.store(left - 1, SeqCst);
        }
        left == 0
    }

    fn error() -> Error {
        Error::Generic { store: "faulty", source: "on purpose".into() }
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty")
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, path: &Path, payload: PutPayload, mut options: PutOptions) -> Result<PutResult> {
        let fails = self.fails();
        if fails && !self.answer_lost.load(SeqCst) {
            return Err(Self::error());
        }
        if self.shared.overwrites.load(SeqCst) {
            options.mode = PutMode::Overwrite;
        }
        let result = self.shared.memory.put_opts(path, payload, options).await;
        if fails { Err(Self::error()) } else { result }
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(Self::error())
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        if self.fails() {
            return Err(Self::error());
        }
        self.shared.memory.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        let each = move |path: Result<Path>| {
            let this = this.clone();
            async move {
                let path = path?;
                let fails = this.fails();
                if !fails || this.answer_lost.load(SeqCst) {
                    this.shared.memory.delete(&path).await?;
                }
                if fails { Err(Self::error()) } else { Ok(path) }
            }
        };
        paths.then(each).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        if self.fails() {
            return futures::stream::iter([Err(Self::error())]).boxed();
        }
        self.shared.memory.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.shared.memory.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(Self::error())
    }
}
