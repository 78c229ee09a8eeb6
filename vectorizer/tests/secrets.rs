//! No known form of a secret survives into an execution, and what only looks like one stays.

use anomaly_vectorizer::{
    Embedder, Execution, Hashed,
    canonical::{Raw, area},
    scrub::{MARK, Scrubber},
};

fn execution(arguments: &[&str]) -> Execution {
    let name = arguments.first().map_or("", |first| first.rsplit('/').next().unwrap_or(first));
    Raw { name: name.as_bytes(), parent: b"sh", arguments: &area(arguments), ..Raw::default() }
        .execution(&Scrubber::default())
}

/// Every argument vector holds a secret, written S3CR3T or S3CR3T!2 or with the shape of a token.
const SECRET: &[&[&str]] = &[
    // Flags that say so.
    &["tool", "--password=S3CR3T"],
    &["tool", "--password", "S3CR3T"],
    &["tool", "--password=S3CR3T with; blanks & signs, S3CR3T"],
    &["tool", "--db-password", "S3CR3T with blanks S3CR3T"],
    &["tool", "-password", "S3CR3T"],
    &["tool", "--token", "S3CR3T", "deploy"],
    &["tool", "--api-key=S3CR3T"],
    &["tool", "--client-secret", "S3CR3T"],
    &["keytool", "-list", "-storepass", "S3CR3T", "-keypass", "S3CR3T"],
    &["gpg", "--batch", "--passphrase", "S3CR3T", "-d", "x.gpg"],
    &["wget", "--http-password=S3CR3T", "https://example.org/"],
    &["redis-server", "--requirepass", "S3CR3T", "--masterauth", "S3CR3T"],
    // Short flags of clients that are known.
    &["mysql", "-u", "root", "-pS3CR3T", "shop"],
    &["/usr/bin/mysqldump", "-uroot", "-pS3CR3T!2", "--all-databases"],
    &["sshpass", "-p", "S3CR3T", "ssh", "-p", "2222", "host"],
    &["sshpass", "-pS3CR3T", "scp", "a", "b:"],
    &["curl", "-u", "alice:S3CR3T", "https://example.org/"],
    &["curl", "-ualice:S3CR3T", "https://example.org/"],
    &["curl", "-sSu", "alice:S3CR3T", "https://example.org/"],
    &["curl", "--user", "alice:S3CR3T", "https://example.org/"],
    &["curl", "--proxy-user=alice:S3CR3T", "https://example.org/"],
    &["curl", "--oauth2-bearer-token", "S3CR3T"],
    &["http", "-a", "alice:S3CR3T", "example.org"],
    &["docker", "login", "-u", "alice", "-p", "S3CR3T", "registry.example.org"],
    &["helm", "registry", "login", "-p", "S3CR3T", "registry.example.org"],
    &["skopeo", "copy", "--src-creds", "alice:S3CR3T", "docker://a", "docker://b"],
    &["redis-cli", "-h", "cache", "-a", "S3CR3T", "ping"],
    &["redis-cli", "auth", "S3CR3T"],
    &["redis-cli", "AUTH", "alice", "S3CR3T"],
    &["redis-cli", "config", "set", "requirepass", "S3CR3T"],
    &["mongosh", "-u", "root", "-p", "S3CR3T", "admin"],
    &["ldapsearch", "-x", "-D", "cn=admin", "-w", "S3CR3T"],
    &["smbclient", "//host/share", "-U", "alice%S3CR3T"],
    &["mount", "-t", "cifs", "//host/share", "/mnt", "-o", "username=alice,password=S3CR3T,vers=3.0"],
    &["snmpwalk", "-v3", "-A", "S3CR3T", "-X", "S3CR3T", "host"],
    &["zip", "-P", "S3CR3T", "out.zip", "in"],
    &["7z", "a", "-pS3CR3T", "out.7z", "in"],
    &["ipmitool", "-H", "bmc", "-U", "admin", "-P", "S3CR3T", "power", "status"],
    &["htpasswd", "-b", "/etc/nginx/users", "alice", "S3CR3T"],
    &["htpasswd", "-nb", "alice", "S3CR3T"],
    &["openssl", "enc", "-aes-256-cbc", "-k", "S3CR3T"],
    &["openssl", "rsa", "-passin", "pass:S3CR3T", "-in", "key.pem"],
    &["openssl", "pkcs12", "-passout", "pass:S3CR3T", "-export"],
    &["openssl", "passwd", "-6", "-salt", "xyz", "S3CR3T"],
    &["useradd", "-m", "-p", "S3CR3T", "alice"],
    &["xfreerdp", "/u:alice", "/p:S3CR3T", "/v:host"],
    &["aws", "configure", "set", "aws_secret_access_key", "S3CR3T"],
    &["npm", "config", "set", "//registry.example.org/:_authToken", "S3CR3T"],
    &["npm", "config", "set", "//registry.example.org/:_authToken=S3CR3T"],
    &["kubectl", "create", "secret", "generic", "db", "--from-literal=password=S3CR3T"],
    &["vault", "kv", "put", "kv/db", "password=S3CR3T"],
    &["git", "-c", "http.extraHeader=Authorization: Basic S3CR3T", "fetch"],
    // Variables.
    &["env", "PGPASSWORD=S3CR3T", "psql"],
    &["env", "DB_PASSWORD=S3CR3T with blanks; S3CR3T", "server"],
    &["sh", "-c", "PGPASSWORD=S3CR3T psql -h db -c 'select 1'"],
    &["sh", "-c", "export AWS_SECRET_ACCESS_KEY=\"S3CR3T S3CR3T\"; aws s3 ls"],
    &["sh", "-c", "MYSQL_PWD='S3CR3T' mysql"],
    &["bash", "-lc", "GITHUB_TOKEN=ab\"S3CR3T\"cd gh auth status"],
    &["docker", "run", "-e", "MYSQL_ROOT_PASSWORD=S3CR3T", "mysql"],
    // URLs and connection strings.
    &["git", "clone", "https://alice:S3CR3T@git.example.org/repo.git"],
    &["git", "clone", "https://S3CR3TS3CR3TS3CR3T@git.example.org/repo.git"],
    &["git", "clone", "https://S3CR3TS3CR3TS3CR3T:x-oauth-basic@git.example.org/repo.git"],
    &["psql", "postgres://shop:S3CR3T@db.internal:5432/shop"],
    &["redis-cli", "-u", "redis://:S3CR3T@cache:6379/0"],
    &["app", "amqp://user:S3C@S3CR3T@broker/vhost"],
    &["app", "shop:S3CR3T@tcp(127.0.0.1:3306)/shop?parseTime=true"],
    &["app", "--dsn=shop:S3CR3T@tcp(127.0.0.1:3306)/shop"],
    &["psql", "host=db user=shop password=S3CR3T dbname=shop"],
    &["app", "Server=db;Uid=sa;Pwd=S3CR3T;Database=shop"],
    &[
        "az",
        "--connection-string",
        "AccountName=shop;AccountKey=S3CR3T+/S3CR3T==;EndpointSuffix=core.example.org",
    ],
    &["curl", "https://example.org/v1?user=a&api_key=S3CR3T&limit=3"],
    &["curl", "https://example.org/v1?token=S3CR3T"],
    &["curl", "https://example.org/blob?sv=2024&sig=S3CR3T%3D"],
    &["curl", "https://bucket.example.org/key?X-Amz-Signature=S3CR3T&X-Amz-Expires=60"],
    &["curl", "-X", "POST", "https://hooks.slack.com/services/T0S3CR3T/B0S3CR3T/S3CR3T"],
    // Headers and bodies.
    &["curl", "-H", "Authorization: Bearer S3CR3T", "https://example.org/"],
    &["curl", "-HAuthorization: Basic S3CR3T", "https://example.org/"],
    &["curl", "-H", "authorization: token S3CR3T"],
    &["curl", "-H", "Authorization: AWS4-HMAC-SHA256 Credential=S3CR3T/2026, Signature=S3CR3T"],
    &["curl", "--header", "X-Api-Key: S3CR3T"],
    &["curl", "-H", "PRIVATE-TOKEN:S3CR3T"],
    &["curl", "-H", "Cookie: session=S3CR3T; id=S3CR3T"],
    &["curl", "-d", "{\"user\": \"alice\", \"password\": \"S3CR3T and, more S3CR3T\"}"],
    &["curl", "-d", "{\"password\":\"S3CR3T\"}"],
    &["curl", "-d", "user=alice&password=S3CR3T&submit=1"],
    &["sh", "-c", "curl -s -H \"Authorization: Bearer S3CR3T\" https://example.org/ | jq ."],
    &["sh", "-c", "curl -u 'alice:S3CR3T S3CR3T' https://example.org/ && echo done"],
    &["ruby", "-e", "connect('password' => 'S3CR3T')"],
    &["python3", "-c", "connect(password = \"S3CR3T\")"],
    // Scripts.
    &["sh", "-c", "sshpass -p 'S3CR3T S3CR3T' ssh root@host id"],
    &["sh", "-c", "mysql -u root -p'S3CR3T' -e 'show databases'"],
    &["sh", "-c", "cd /srv && mysqldump -pS3CR3T shop > dump.sql"],
    &["sh", "-c", "echo 'alice:S3CR3T' | chpasswd"],
    &["sh", "-c", "echo S3CR3T | sudo -S id"],
    &["sh", "-c", "printf 'S3CR3T' | docker login -u alice --password-stdin registry"],
    &["psql", "-c", "ALTER USER shop WITH PASSWORD 'S3CR3T'"],
    &["mysql", "-e", "CREATE USER 'shop'@'%' IDENTIFIED BY 'S3CR3T';"],
    &["mysql", "-e", "ALTER USER x IDENTIFIED WITH mysql_native_password BY 'S3CR3T'"],
    &["ssh", "host", "mysqladmin -u root -pS3CR3T shutdown"],
    // Tokens by their shape.
    &["curl", "-u", "ghp_S3CR3TS3CR3TS3CR3TS3CR3TS3CR3TS3CR3T", "https://api.example.org/"],
    &["tool", "AKIAIOSFODNN7S3CR3T0"],
    &["tool", "key=ASIAIOSFODNN7S3CR3T0"],
    &["tool", "ghp_S3CR3TS3CR3TS3CR3TS3CR3TS3CR3TS3CR3T"],
    &["tool", "github_pat_S3CR3T0000S3CR3T0000_S3CR3T"],
    &["tool", "glpat-S3CR3T0000S3CR3T0000"],
    &["tool", "xoxb-1234567890-S3CR3T"],
    &["tool", "eyJhbGciOiJIUzI1NiJ9.eyJS3CR3TIiOiIxMjM0NTY3ODkwIn0.S3CR3T-dozjgNryP4J3jVmNHl0w5N"],
    &["tool", "sk_live_S3CR3TS3CR3T"],
    &["tool", "sk-ant-S3CR3T0000S3CR3T0000S3CR3T0000S3CR3T"],
    &["tool", "AIzaSyS3CR3TS3CR3TS3CR3TS3CR3TS3CR3TS3"],
    &["tool", "npm_S3CR3TS3CR3TS3CR3TS3CR3TS3CR3TS3CR3T"],
    &["tool", "hvs.S3CR3TS3CR3TS3CR3TS3CR3T"],
    &["tool", "-----BEGIN RSA PRIVATE KEY-----\nS3CR3T\nS3CR3T==\n-----END RSA PRIVATE KEY-----", "-v"],
    &["sh", "-c", "echo '-----BEGIN OPENSSH PRIVATE KEY-----\nS3CR3T' > /root/.ssh/id"],
];

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
            let leaked = ["S3CR3T", "S3C", "hbGciOi", "IOSFODNN"].iter().any(|secret| shown.contains(secret));
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
