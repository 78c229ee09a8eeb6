//! No known form of a secret survives into an execution, and what only looks like one stays.

use anomaly_vectorizer::{
    Embedder, Execution, Hashed,
    canonical::{Raw, area},
    scrub::{MARK, Scrubber},
};

#[path = "support/secrets.rs"]
mod forms;

use forms::{PARTS, SECRET};

fn execution(arguments: &[&str]) -> Execution {
    let name = arguments.first().map_or("", |first| first.rsplit('/').next().unwrap_or(first));
    Raw { name: name.as_bytes(), parent: b"sh", arguments: &area(arguments), ..Raw::default() }
        .execution(&Scrubber::default())
}

/// What stays word for word.
const HARMLESS: &[&[&str]] = &[
    &["nc", "-l", "-p", "8080"],
    &["ssh", "-p", "22", "host"],
    &["mkdir", "-p", "/srv/app"],
    &["tar", "-xpf", "a.tar", "-p"],
    &["cp", "-p", "a", "b"],
    &["ps", "-p", "1"],
    &["nginx", "-p", "/srv/nginx"],
    &["docker", "run", "-p", "80:80", "--user", "1000:1000", "nginx:1.27"],
    &["docker", "pull", "nginx:1.27@sha256:0123456789abcdef"],
    &["docker", "build", "--secret-file=x", "."],
    &["curl", "--passive", "-P", "-", "ftp://example.org/"],
    &["curl", "-u", "alice", "https://example.org/"],
    &["curl", "https://example.org/@user/posts?page=2"],
    &["mysql", "-P", "3306", "-p", "shop"],
    &["redis-cli", "-p", "6379", "ping"],
    &["systemctl", "--user", "restart", "a:b"],
    &["sort", "-u", "a:b"],
    &["grep", "-r", "password", "src/"],
    &["cat", "/etc/passwd", "/etc/shadow"],
    &["passwd", "root"],
    &["kubectl", "get", "secret", "db"],
    &["vault", "token", "lookup"],
    &["tool", "--password-file", "/run/secrets/db", "--token-ttl=5m"],
    &["tool", "--password-file=/run/secrets/db"],
    &["tool", "--no-password", "shop"],
    &["tool", "--password", "--verbose"],
    &["tool", "--password=$DB_PASSWORD", "--token=${TOKEN}"],
    &["sh", "-c", "PGPASSWORD=$(cat /run/secrets/db) psql -h db"],
    &["tool", "--bypass=1", "compass=n", "monkey=2", "keyboard=us", "author=x", "max_tokens=10"],
    &["env", "PWD=/srv", "OLDPWD=/", "PATH=/usr/bin:/bin"],
    &["git", "clone", "git@github.com:org/repo.git"],
    &["git", "clone", "ssh://git@example.org:2222/repo.git"],
    &["git", "checkout", "-b", "token-refresh"],
    &["rsync", "-a", "user@host:/srv/", "/backup/"],
    &["npm", "install", "npm:pkg@1.2.3", "@scope/pkg@4"],
    &["openssl", "req", "-key", "a.pem", "-passin", "file:/run/pw"],
    &["chown", "www-data:www-data", "/srv"],
    &["java", "-Djavax.net.ssl.keyStore=/etc/ks", "-cp", "a.jar:b.jar", "Main"],
    &["pip", "install", "sk-learn-contrib-something-very-long-name"],
    &["awk", "-F:", "{print $1\":\"$2}", "/etc/passwd"],
    &["sh", "-c", "echo done | sort -u; ls -S | head"],
    &["date", "+%H:%M:%S"],
    &["-bash"],
    &[""],
    &[],
];

#[test]
fn no_secret_survives() {
    assert!(SECRET.len() >= 50);
    let survivors: Vec<String> = SECRET
        .iter()
        .filter_map(|arguments| {
            let execution = execution(arguments);
            let shown = format!("{execution:?}");
            // The random characters of a token must go as much as its marker does.
            let leaked = PARTS.iter().any(|secret| shown.contains(secret));
            let marked = execution.arguments.iter().any(|argument| argument.contains(MARK));
            (leaked || !marked).then(|| execution.arguments.joined())
        })
        .collect();
    assert!(survivors.is_empty(), "{survivors:#?}");
}

#[test]
fn what_only_looks_like_a_secret_stays() {
    let changed: Vec<_> = HARMLESS
        .iter()
        .filter_map(|arguments| {
            let execution = execution(arguments);
            let same = execution.arguments.iter().eq(arguments.iter().copied());
            (!same).then(|| (arguments, execution.arguments.joined()))
        })
        .collect();
    assert!(changed.is_empty(), "{changed:#?}");
}

#[test]
fn what_surrounds_a_secret_stays() {
    for (arguments, expected) in [
        (&["mysql", "-u", "root", "-pS3CR3T", "shop"][..], "mysql -u root -p*** shop"),
        (&["curl", "-u", "alice:S3CR3T", "https://example.org/"], "curl -u alice:*** https://example.org/"),
        (&["sh", "-c", "PGPASSWORD=S3CR3T psql -h db | tee x"], "sh -c PGPASSWORD=*** psql -h db | tee x"),
        (&["psql", "postgres://shop:S3CR3T@db:5432/shop"], "psql postgres://shop:***@db:5432/shop"),
        (
            &["curl", "https://example.org/v1?api_key=S3CR3T&limit=3"],
            "curl https://example.org/v1?api_key=***&limit=3",
        ),
        (&["curl", "-H", "Authorization: Bearer S3CR3T", "-v"], "curl -H Authorization: Bearer *** -v"),
        (&["psql", "host=db password=S3CR3T dbname=shop"], "psql host=db password=*** dbname=shop"),
        (&["app", "Server=db;Pwd=S3CR3T;Database=shop"], "app Server=db;Pwd=***;Database=shop"),
        (
            &["curl", "-d", "{\"password\":\"S3CR3T\",\"user\":\"a\"}"],
            "curl -d {\"password\":\"***\",\"user\":\"a\"}",
        ),
        (&["sh", "-c", "echo 'alice:S3CR3T' | chpasswd"], "sh -c echo '***' | chpasswd"),
        (
            &["mount", "-o", "user=a,password=S3,CR3T,vers=3", "/mnt"],
            "mount -o user=a,password=***,vers=3 /mnt",
        ),
    ] {
        assert_eq!(execution(arguments).arguments.joined(), expected);
    }
}

#[test]
fn another_password_is_the_same_execution() {
    for (first, second) in [
        (["mysql", "-pfirst", "shop"], ["mysql", "-psecond!", "shop"]),
        (["curl", "-ua:b", "x"], ["curl", "-ua:ccccc", "x"]),
        (["tool", "--token", "aaaa"], ["tool", "--token", "bbb b;b"]),
    ] {
        assert_eq!(execution(&first), execution(&second));
    }
}

#[test]
fn names_of_ones_own_are_secrets_too() {
    let scrubber = Scrubber::default().with_names(["--licence-number"]);
    assert_eq!(scrubber.text("tool\0--Licence-Number\0S3CR3T"), "tool\0--Licence-Number\0***");
    assert_eq!(scrubber.text("LICENCE-NUMBER=S3CR3T"), "LICENCE-NUMBER=***");
    assert_eq!(Scrubber::default().text("--licence-number S3CR3T"), "--licence-number S3CR3T");
    for (name, is_one) in
        [("pin", true), ("--licence.no_2", true), ("p", false), ("--", false), ("a b", false), ("x=", false)]
    {
        assert_eq!(Scrubber::is_name(name), is_one, "{name}");
    }
}

#[test]
fn a_token_that_the_bound_cut_is_still_one() {
    for token in ["ghp_S3CR3", "AKIAS3CR3", "eyJhbGciS3CR3"] {
        let padding = "x ".repeat((4096 - "sh".len() - 1 - token.len()) / 2 + 1);
        let whole = format!("{padding}{token}S3CR3T0000S3CR3T0000S3CR3T0000.S3CR3T");
        let shown = execution(&["sh", &whole]).arguments.joined();
        assert!(!shown.contains("S3C"), "{}", &shown[4000..]);
    }
}

#[test]
fn no_secret_reaches_a_feature() {
    let embedder = Hashed::default();
    for arguments in SECRET {
        let words = embedder.describe(&execution(arguments));
        assert!(!words.is_empty());
        assert!(words.iter().all(|described| !described.text.contains("S3CR3T")), "{words:?}");
    }
}

/// A megabyte of each, which a pass that looks back or ahead without bound would take minutes for.
#[test]
fn hostile_text_takes_linear_time() {
    const BOUND: std::time::Duration = std::time::Duration::from_secs(5);
    let scrubber = Scrubber::default();
    for (start, unit) in [
        ("curl\0-u\0", "-u-u"),
        ("curl\0-u\0", "-u$("),
        ("mysql ", ":://"),
        ("", "/://"),
        ("", "https://a:b@"),
        ("", "a:b@c:"),
        ("", "-----BEGIN "),
        ("", "-----BEGIN PRIVATE KEY-----"),
        ("", "eyJ."),
        ("", "password="),
        ("sh\0-c\0", "x=,&;"),
        ("sh\0-c\0", "--token=a'\""),
        ("sh\0-c\0", "echo x|chpasswd "),
        ("sh\0-c\0", "Authorization: "),
        ("", "AKIAIOSFODNN7EXAMPLE="),
    ] {
        let text = format!("{start}{}", unit.repeat((1 << 20) / unit.len()));
        let began = std::time::Instant::now();
        let scrubbed = scrubber.text(&text);
        assert!(began.elapsed() < BOUND, "{start:?} {unit:?}: {:?}", began.elapsed());
        assert!(!scrubbed.is_empty());
    }
}
