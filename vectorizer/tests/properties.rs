//! What holds for any input: bounds, determinism, idempotence, and that what is described is what is embedded.

use std::collections::BTreeSet;

use anomaly_vectorizer::{
    Embedder, Embedding, Execution, Hashed, MAX_ARGUMENT_BYTES, MAX_NAME_BYTES,
    canonical::{Raw, area},
    hashed::MAX_FEATURES,
    scrub::Scrubber,
};
use proptest::prelude::*;

/// Pieces of which hostile and ordinary command lines are made; random bytes alone would never meet a rule.
const PIECES: &[&str] = &[
    "-p",
    "--password",
    "--token=",
    "=",
    ":",
    "@",
    "://",
    "https://",
    "/",
    "/dev/tcp/",
    "$",
    "${",
    "$(",
    "`",
    "'",
    "\"",
    "\\",
    " ",
    "\n",
    ";",
    "&",
    "&&",
    "|",
    "<",
    ">",
    ">&",
    "2>&1",
    "(",
    "{",
    "}",
    "[",
    "]",
    ",",
    ".",
    "-",
    "--",
    "#",
    "%",
    "***",
    "mysql",
    "curl",
    "-u",
    "echo",
    "chpasswd",
    "sudo",
    "-S",
    "Authorization: ",
    "Bearer ",
    "Cookie:",
    "password",
    "BY ",
    "IDENTIFIED ",
    "chmod",
    "4755",
    "kill",
    "-9",
    "nc",
    "8080",
    "10.0.0.1",
    "::1",
    "[::1]:80",
    "a",
    "Z",
    "0",
    "deadbeef01",
    "6b00e15b-4f3a-11ee-be56-0242ac120002",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOi",
    "-----BEGIN ",
    "PRIVATE KEY-----",
    "-----END ",
    "é",
    "𐍈",
    "\u{fffd}",
    "\t",
    "/tmp/",
    "tmpab12cd34",
    "-c",
    "-e",
    "set",
    "login",
    "docker",
    "openssl",
    "passwd",
    "htpasswd",
    "-nb",
    "redis-cli",
    "AUTH",
    "socat",
    "TCP:",
    "x.y.example.co.uk",
];

fn argument() -> impl Strategy<Value = String> {
    let piece = prop_oneof![4 => prop::sample::select(PIECES).prop_map(str::to_owned), 1 => any::<String>()];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn arguments() -> impl Strategy<Value = Vec<String>> {
    prop_oneof![
        8 => prop::collection::vec(argument(), 0..10),
        1 => prop::collection::vec(argument(), 0..200),
        1 => argument().prop_map(|piece| vec!["sh".into(), "-c".into(), piece.repeat(400)]),
    ]
}

prop_compose! {
    fn execution()(name in argument(), parent in any::<String>(), grandparent in any::<String>(), uid in any::<u32>(),
                   arguments in arguments()) -> Execution {
        Execution { name, parent, grandparent, uid, arguments: arguments.iter().collect(), ..Execution::default() }
    }
}

fn length(vector: &[f32]) -> f64 {
    vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_become_a_bounded_execution(
        name in prop::collection::vec(any::<u8>(), 0..100),
        area in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            prop::collection::vec(prop::sample::select(&b"a-=/\0\xc3\xa9\xff "[..]), 4000..5000),
        ],
        executable in prop::collection::vec(any::<u8>(), 0..20),
        filename in prop::collection::vec(any::<u8>(), 0..20),
        uid in any::<u32>(),
    ) {
        let raw = Raw { name: &name, parent: &area, grandparent: &filename, uid, arguments: &area, executable: &executable,
                        filename: &filename, interp: &executable };
        let execution = raw.execution(&Scrubber::default());
        prop_assert!(execution.arguments.byte_len() <= MAX_ARGUMENT_BYTES);
        for name in [&execution.name, &execution.parent, &execution.grandparent] {
            prop_assert!(name.len() <= MAX_NAME_BYTES && !name.contains('\0'));
        }
        prop_assert_eq!(execution.uid, uid);
        let mut embedding = Embedding::default();
        Hashed::default().embed(&execution, &mut embedding);
    }

    #[test]
    fn what_is_canonical_stays_as_it_is(name in argument(), arguments in arguments(), executable in argument()) {
        let first = Raw { name: name.as_bytes(), arguments: &area(&arguments), executable: executable.as_bytes(), ..Raw::default() }
            .execution(&Scrubber::default());
        let again = Raw { name: first.name.as_bytes(), arguments: &area(first.arguments.iter()), executable: executable.as_bytes(), ..Raw::default() }
            .execution(&Scrubber::default());
        prop_assert_eq!(first, again);
    }

    #[test]
    fn scrubbing_twice_is_scrubbing_once(arguments in arguments()) {
        let scrubber = Scrubber::default();
        let once = scrubber.arguments(arguments.iter().collect());
        prop_assert_eq!(scrubber.arguments(once.clone()), once);
    }

    #[test]
    fn scrubbing_keeps_the_number_of_arguments(arguments in prop::collection::vec(argument(), 0..10)) {
        let before: anomaly_vectorizer::Arguments = arguments.iter().collect();
        prop_assert_eq!(Scrubber::default().arguments(before.clone()).len(), before.len());
    }

    #[test]
    fn an_embedding_is_bounded_sorted_and_of_length_one(execution in execution()) {
        let mut embedding = Embedding::default();
        Hashed::default().embed(&execution, &mut embedding);
        prop_assert!(embedding.features.len() <= MAX_FEATURES);
        prop_assert!(embedding.features.windows(2).all(|pair| pair[0].hash < pair[1].hash));
        let length = length(&embedding.vector);
        prop_assert!((length - 1.0).abs() < 1e-6 || length == 0.0, "{}", length);
    }

    #[test]
    fn what_an_embedding_held_before_makes_no_difference(first in execution(), second in execution()) {
        let embedder = Hashed::default();
        let mut fresh = Embedding::default();
        embedder.embed(&second, &mut fresh);
        let mut used = Embedding::default();
        embedder.embed(&first, &mut used);
        embedder.embed(&second, &mut used);
        prop_assert_eq!(fresh, used);
    }

    #[test]
    fn what_is_described_is_what_is_embedded(execution in execution()) {
        let embedder = Hashed::default();
        let mut embedding = Embedding::default();
        embedder.embed(&execution, &mut embedding);
        let described = embedder.describe(&execution);
        let hashes: BTreeSet<_> = described.iter().map(|described| (described.hash, described.class)).collect();
        prop_assert_eq!(described.len(), hashes.len(), "each hash once");
        prop_assert!(embedding.features.iter().map(|feature| (feature.hash, feature.class)).eq(hashes));
        prop_assert!(described.iter().all(|described| described.text.contains(' ')));
    }

    #[test]
    fn other_keys_are_other_spaces_of_the_same_features(execution in execution()) {
        let (one, two) = (Hashed::default(), Hashed::with_key(2));
        let words = |embedder: &Hashed| embedder.describe(&execution).into_iter().map(|described| described.text).collect::<Vec<_>>();
        prop_assert_eq!(words(&one), words(&two));
        prop_assert_ne!(one.space(), two.space());
        let (mut first, mut second) = (Embedding::default(), Embedding::default());
        one.embed(&execution, &mut first);
        two.embed(&execution, &mut second);
        prop_assert_ne!(first.key, second.key);
    }
}
