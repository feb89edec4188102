mod server;

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::catalog::{Contents, Remote};
use super::fetch::fetch;
use super::proxy::NamedProxy;
use super::transfer::Client;
use super::*;
use crate::{DatasetName, Error, Result};
use server::{Manner, Server};

const NAME: &str = "file.gz";

/// How long nothing may arrive where a test waits for that to pass: so long that a busy machine is not taken for it.
const STALL: Duration = Duration::from_secs(1);

fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Incompressible bytes, so that files of any gzip level have about the same length.
fn contents() -> Vec<u8> {
    let mut random = crate::sampling::Generator::from_words(&[1]);
    (0..300_000).map(|_| random.next_u64() as u8).collect()
}

fn gzip(contents: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(contents).unwrap();
    encoder.finish().unwrap()
}

/// A file to be fetched, its folder, and the reported events.
struct Case {
    file: Vec<u8>,
    sha256: String,
    contents: Option<(u64, String)>,
    folder: TempDir,
    events: Vec<String>,
    /// How long nothing may arrive.
    stall: Duration,
    proxy: Option<NamedProxy>,
    /// The clock by which speed is measured.
    now: fn() -> Instant,
}

/// A clock that advances by a second whenever it is read.
fn leaping_clock() -> Instant {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    static LOOKS: AtomicU64 = AtomicU64::new(0);
    *START + Duration::from_secs(LOOKS.fetch_add(1, Ordering::Relaxed))
}

impl Case {
    fn new() -> Self {
        let file = gzip(&contents(), 6);
        let sha256 = sum(&file);
        let (folder, stall) = (tempfile::tempdir().unwrap(), Duration::from_secs(60));
        let (events, now) = (Vec::new(), Instant::now as fn() -> Instant);
        Self { file, sha256, contents: None, folder, events, stall, proxy: None, now }
    }

    fn server(&self, manner: Manner) -> Server {
        Server::start(manner, self.file.clone())
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("mnist").join(NAME)
    }

    fn partial(&self) -> PathBuf {
        self.folder.path().join("mnist").join(format!("{NAME}.part"))
    }

    fn leave_partial(&self, bytes: &[u8]) {
        fs::create_dir_all(self.partial().parent().unwrap()).unwrap();
        fs::write(self.partial(), bytes).unwrap();
    }

    /// Accepts any gzip wrapping of the right contents.
    fn know_contents(&mut self) {
        self.contents = Some((contents().len() as u64, sum(&contents())));
    }

    fn fetch(&mut self, mirrors: &[String]) -> Result<Option<String>> {
        let remote = Remote {
            name: NAME,
            bytes: self.file.len() as u64,
            sha256: &self.sha256,
            contents: self.contents.as_ref().map(|(bytes, sha256)| Contents { bytes: *bytes, sha256 }),
        };
        let mut client = Client::new(self.stall, self.proxy.clone());
        client.now = self.now;
        let events = &mut self.events;
        let path = self.folder.path().join("mnist").join(NAME);
        fetch(&client, &remote, mirrors, &path, &mut |event| events.push(format!("{event:?}")))
    }

    /// Asserts that `bad` is given up with a reason that contains `reason`, and that the next mirror succeeds.
    fn second_mirror_helps(&mut self, bad: String, reason: &str) {
        let good = self.server(Manner::Good);
        let came_from = self.fetch(&[bad.clone(), good.url()]).unwrap();
        assert_eq!(came_from, Some(format!("{}/{NAME}", good.url())));
        assert_eq!(fs::read(self.path()).unwrap(), self.file);
        assert!(!self.partial().exists());
        let failure = self.events.iter().find(|event| event.starts_with("MirrorFailed")).unwrap();
        assert!(failure.contains(&bad) && failure.contains(reason), "{failure}");
    }

    /// Asserts that `bad` alone fails with a reason that contains `reason`, and that no file is left in place.
    fn fails_alone(&mut self, bad: String, reason: &str) {
        let error = self.fetch(&[bad]).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
        assert!(!self.path().exists());
    }
}

#[test]
fn progress_of_a_download_ends_at_the_size_of_the_file() {
    let mut case = Case::new();
    let good = case.server(Manner::Good);
    assert!(case.fetch(&[good.url() + "/"]).unwrap().is_some());
    assert_eq!(fs::read(case.path()).unwrap(), case.file);
    assert_eq!(good.ranges(), [None]);
    let size = case.file.len();
    assert!(
        case.events.last().unwrap().contains(&format!("bytes: {size}, total: {size}")),
        "{:?}",
        case.events
    );
}

#[test]
fn a_mirror_that_is_down_is_skipped() {
    Case::new().second_mirror_helps(Server::down(), "the connection was refused");
}

#[test]
fn an_unknown_host_is_skipped() {
    Case::new().second_mirror_helps("http://no-such-host.invalid".to_owned(), "");
}

#[test]
fn a_mirror_with_an_error_status_is_skipped() {
    for status in [403, 404, 500, 503, 204] {
        let mut case = Case::new();
        let bad = case.server(Manner::Status(status));
        case.second_mirror_helps(bad.url(), &format!("the server answered {status}"));
    }
}

#[test]
fn a_log_in_page_is_recognised_and_leaves_a_partial_file_unchanged() {
    for (manner, reason) in [(Manner::Portal, "web page"), (Manner::DisguisedPortal, "expected")] {
        let mut case = Case::new();
        let bad = case.server(manner);
        case.leave_partial(&case.file[..1_000]);
        case.fails_alone(bad.url(), reason);
        assert_eq!(fs::read(case.partial()).unwrap(), case.file[..1_000]);
        case.second_mirror_helps(bad.url(), reason);
    }
    let mut case = Case::new();
    case.know_contents(); // then the size proves nothing
    let bad = case.server(Manner::DisguisedPortal);
    case.second_mirror_helps(bad.url(), "something other than a gzip file");
}

#[test]
fn after_a_broken_connection_the_rest_is_requested() {
    let mut case = Case::new();
    let bad = case.server(Manner::Truncates(100_000));
    assert!(case.fetch(&[bad.url()]).unwrap().is_some());
    assert_eq!(fs::read(case.path()).unwrap(), case.file);
    assert_eq!(bad.ranges(), [None, Some(100_000), Some(200_000), Some(300_000)]);
}

#[test]
fn a_mirror_that_always_breaks_off_at_the_same_byte_is_given_up() {
    let mut case = Case::new();
    let bad = case.server(Manner::TruncatesWholes(100_000));
    case.fails_alone(bad.url(), "the connection broke off");
    assert_eq!(bad.ranges(), [None, Some(100_000)]);
    let good = case.server(Manner::Good);
    case.fetch(&[good.url()]).unwrap();
    assert_eq!(good.ranges(), [Some(100_000)], "what has arrived is not fetched again");
    assert_eq!(fs::read(case.path()).unwrap(), case.file);
}

#[test]
fn a_short_body_without_announced_length_is_continued_elsewhere() {
    let mut case = Case::new();
    let bad = case.server(Manner::EndsEarly(70_000));
    case.second_mirror_helps(bad.url(), "the connection ended after 70000 of");
}

#[test]
fn a_stalling_mirror_is_given_up_after_the_timeout() {
    let mut case = Case { stall: STALL, ..Case::new() };
    let bad = case.server(Manner::Stalls(0));
    case.second_mirror_helps(bad.url(), "nothing arrived for 1 s");

    let mut case = Case { stall: STALL, ..Case::new() };
    let slow = case.server(Manner::Stalls(100_000));
    case.leave_partial(&case.file[..50_000]);
    case.fetch(&[slow.url()]).unwrap();
    assert_eq!(slow.ranges(), [50_000, 150_000, 250_000].map(Some), "as long as it sends something");
    assert_eq!(fs::read(case.path()).unwrap(), case.file);
}

#[test]
fn a_mirror_that_never_answers_is_given_up() {
    let mut case = Case { stall: STALL, ..Case::new() };
    let bad = case.server(Manner::Mute);
    case.second_mirror_helps(bad.url(), "nothing arrived for 1 s");
}

#[test]
fn a_corrupt_file_is_neither_renamed_nor_kept() {
    let mut case = Case::new();
    let bad = case.server(Manner::Corrupts);
    case.fails_alone(bad.url(), "wrong checksum: expected SHA-256");
    assert!(!case.partial().exists());
    case.second_mirror_helps(bad.url(), "wrong checksum");
}

#[test]
fn redirects_are_followed_but_not_endlessly() {
    let mut case = Case::new();
    let good = case.server(Manner::Good);
    let redirecting = case.server(Manner::Redirects(good.url()));
    assert!(case.fetch(&[redirecting.url()]).unwrap().is_some());
    assert_eq!(fs::read(case.path()).unwrap(), case.file);

    let mut case = Case::new();
    let itself = case.server(Manner::Redirects(String::new()));
    case.second_mirror_helps(itself.url(), "the server redirects endlessly");
}

#[test]
fn a_body_longer_than_the_file_is_given_up() {
    let mut case = Case::new();
    let bad = case.server(Manner::Endless);
    case.second_mirror_helps(bad.url(), "the server sent more than");
}

#[test]
fn a_partial_file_is_resumed() {
    let mut case = Case::new();
    let good = case.server(Manner::Good);
    case.leave_partial(&case.file[..123_456]);
    case.fetch(&[good.url()]).unwrap();
    assert_eq!(good.ranges(), [Some(123_456)]);
    assert_eq!(fs::read(case.path()).unwrap(), case.file);
}

#[test]
fn a_whole_file_in_response_to_a_range_is_accepted() {
    let mut case = Case::new();
    let whole = case.server(Manner::IgnoresRanges);
    case.leave_partial(&case.file[..123_456]);
    case.fetch(&[whole.url()]).unwrap();
    assert_eq!(whole.ranges(), [Some(123_456)]);
    assert_eq!(fs::read(case.path()).unwrap(), case.file);
}

#[test]
fn a_range_that_was_not_requested_is_not_appended() {
    let mut case = Case::new();
    case.leave_partial(&case.file[..123_456]);
    let bad = case.server(Manner::WrongRange);
    case.second_mirror_helps(bad.url(), "the server sent the range `bytes 1-9/");
}

#[test]
fn a_damaged_partial_file_is_discarded() {
    for (length, ranges) in [(50_000, [Some(50_000), None]), (400_000, [Some(400_000), None])] {
        let mut case = Case::new();
        let good = case.server(Manner::Good);
        case.leave_partial(&vec![7; length]);
        case.fetch(&[good.url()]).unwrap();
        assert_eq!(good.ranges(), ranges);
        assert_eq!(fs::read(case.path()).unwrap(), case.file);
    }
}

#[test]
fn a_complete_partial_file_needs_no_mirror() {
    let mut case = Case::new();
    case.leave_partial(&case.file);
    assert_eq!(case.fetch(&[]).unwrap(), None);
    assert_eq!(fs::read(case.path()).unwrap(), case.file);
}

#[test]
fn another_gzip_wrapping_of_the_same_contents_is_accepted() {
    let mut case = Case::new();
    let rewrapped = gzip(&contents(), 1);
    assert_ne!(rewrapped, case.file);
    let mirror = Server::start(Manner::Good, rewrapped.clone());
    case.fails_alone(mirror.url(), "");
    case.know_contents();
    case.fetch(&[mirror.url()]).unwrap();
    assert_eq!(fs::read(case.path()).unwrap(), rewrapped);
}

#[test]
fn a_partial_file_of_one_wrapping_is_not_completed_with_another() {
    let mut case = Case::new();
    case.know_contents();
    let mirror = Server::start(Manner::Good, gzip(&contents(), 0));
    case.leave_partial(&case.file[..100_000]);
    case.fetch(&[mirror.url()]).unwrap();
    assert_eq!(mirror.ranges(), [Some(100_000), None]);
    assert_eq!(fs::read(case.path()).unwrap(), gzip(&contents(), 0));
}

#[test]
fn if_all_mirrors_fail_the_reason_of_each_is_reported() {
    let mut case = Case::new();
    let [missing, portal] = [case.server(Manner::Status(404)), case.server(Manner::Portal)];
    let down = Server::down();
    let error = case.fetch(&[missing.url(), down.clone(), portal.url()]).unwrap_err().to_string();
    let expected = format!(
        "{} could not be downloaded: {}/{NAME}: the server answered 404 Not Found; {down}/{NAME}: the connection was \
         refused; {}/{NAME}: the server sent a web page (the network's log-in page?)",
        case.path().display(),
        missing.url(),
        portal.url()
    );
    assert_eq!(error, expected);
    assert!(!case.partial().exists(), "an empty partial file is useless");
}

#[test]
fn two_downloads_of_the_same_file_exclude_each_other() {
    let mut case = Case::new();
    case.leave_partial(b"");
    let other = fs::File::open(case.partial()).unwrap();
    other.lock().unwrap();
    assert!(matches!(case.fetch(&[]), Err(Error::DownloadBusy { .. })));
}

/// Whoever can write to the data folder must not be able to direct a download into another file.
#[test]
#[cfg(unix)]
fn a_partial_file_that_is_a_link_is_refused_and_its_target_unchanged() {
    type Link = fn(&std::path::Path, &std::path::Path) -> std::io::Result<()>;
    let links: [Link; 2] =
        [|to, from| std::os::unix::fs::symlink(to, from), |to, from| fs::hard_link(to, from)];
    for link in links {
        let mut case = Case::new();
        let good = case.server(Manner::Good);
        let precious = case.folder.path().join("precious");
        fs::write(&precious, "precious").unwrap();
        fs::create_dir_all(case.partial().parent().unwrap()).unwrap();
        link(&precious, &case.partial()).unwrap();
        let error = case.fetch(&[good.url()]).unwrap_err().to_string();
        let expected =
            "cannot be opened: expected the regular file of a download, found a link or another file";
        assert_eq!(error, format!("{}: {expected}", case.partial().display()));
        assert_eq!(fs::read(&precious).unwrap(), b"precious");
        assert!(good.ranges().is_empty());

        fs::remove_file(&precious).unwrap();
        let dangling = case.fetch(&[good.url()]);
        assert!(!precious.exists(), "{dangling:?}");
    }
}

#[test]
fn a_link_in_the_place_of_the_file_is_replaced() {
    let mut case = Case::new();
    let good = case.server(Manner::Good);
    let precious = case.folder.path().join("precious");
    fs::write(&precious, "precious").unwrap();
    fs::create_dir_all(case.path().parent().unwrap()).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&precious, case.path()).unwrap();
    case.fetch(&[good.url()]).unwrap();
    assert_eq!(fs::read(case.path()).unwrap(), case.file);
    assert_eq!(fs::read(&precious).unwrap(), b"precious");
}

#[test]
fn a_trickling_mirror_is_given_up_at_once_and_continued_elsewhere() {
    // By the clock of the test each look takes a second, in which a mirror that is not slow sends 1 KiB.
    let mut case = Case { stall: STALL, now: leaping_clock, ..Case::new() };
    let slow = case.server(Manner::Trickles);
    let error = case.fetch(&[slow.url()]).unwrap_err().to_string();
    assert!(error.ends_with("the server sent less than 1 KiB a second"), "{error}");
    assert_eq!(slow.ranges(), [None], "another request would not help");
    case.now = Instant::now;
    let good = case.server(Manner::Good);
    case.fetch(&[good.url()]).unwrap();
    assert!(good.ranges()[0].is_some_and(|first| first > 0), "what has arrived is not fetched again");
    assert_eq!(fs::read(case.path()).unwrap(), case.file);
}

#[test]
fn a_proxy_that_fails_is_named_without_its_secrets() {
    let proxy = |address: &str| {
        let address = address.replace("http://", "http://user:secret@");
        Some(NamedProxy { proxy: ureq::Proxy::new(&address).unwrap(), variable: "HTTPS_PROXY" })
    };
    let (down, good) = (Server::down(), Case::new().server(Manner::Good));
    let refusing = Case::new().server(Manner::Status(407));
    for (address, why) in
        [(down, "the connection was refused"), (refusing.url(), "the proxy refused the connection")]
    {
        let mut case = Case { proxy: proxy(&address), ..Case::new() };
        let error = case.fetch(&[good.url()]).unwrap_err();
        let expected =
            format!("{why}; the connection goes through the proxy {address} that HTTPS_PROXY names");
        assert!(error.to_string().ends_with(&expected), "{error}");
        assert!(!format!("{error:?} {:?}", case.events).contains("secret"), "{error:?}");
    }
    assert!(good.ranges().is_empty(), "nothing goes past the proxy");
}

#[test]
fn the_query_of_a_mirror_is_kept_and_its_secrets_are_not_reported() {
    let mut case = Case::new();
    let (missing, good) = (case.server(Manner::Status(404)), case.server(Manner::Good));
    let secret = |server: &Server| {
        format!("{}/folder?token=secret", server.url().replace("http://", "http://user:secret@"))
    };
    let mirrors =
        [secret(&missing), "htp:/secret".to_owned(), "http://secret host".to_owned(), secret(&good)];
    let came_from = case.fetch(&mirrors).unwrap().unwrap();
    assert_eq!(came_from, format!("{}/folder/{NAME}", good.url()));
    assert_eq!(good.targets(), [format!("/folder/{NAME}?token=secret")]);
    assert!(!case.events.join(" ").contains("secret"), "{:?}", case.events);
    let error = Case::new().fetch(&mirrors[..3]).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
}

#[test]
fn no_more_of_a_file_is_verified_than_the_right_one_could_hold() {
    use std::io::Seek;
    let bomb = gzip(&vec![0; 1 << 20], 0);
    let file = |bytes: &[u8]| {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        file
    };
    let contents = Contents { bytes: 10, sha256: "" };
    let remote = Remote { name: NAME, bytes: bomb.len() as u64, sha256: "", contents: Some(contents) };
    let mut read = file(&bomb);
    assert!(!verify::matches(&read, &remote).unwrap());
    assert!(read.stream_position().unwrap() < 1 << 18, "decompressed to the end");

    let mut long = file(&[0; 100]);
    assert!(!verify::matches(&long, &Remote { bytes: 49, ..remote }).unwrap());
    assert!(!verify::unpacked_matches(&long, &remote).unwrap().unwrap());
    assert_eq!(long.stream_position().unwrap(), 0, "a file of the wrong length was read");
}

#[test]
fn a_folder_that_cannot_be_created_fails_without_a_request() {
    let mut case = Case::new();
    let good = case.server(Manner::Good);
    fs::write(case.folder.path().join("mnist"), "a file, not a folder").unwrap();
    let error = case.fetch(&[good.url()]).unwrap_err();
    assert!(matches!(error, Error::Io { action: "created", .. }), "{error}");
    assert!(good.ranges().is_empty());
}

#[test]
fn a_dataset_without_download_is_refused_before_any_download() {
    let options = DownloadOptions { data_dir: "no/such/folder".into(), ..DownloadOptions::default() };
    let names = [DatasetName::Mnist, DatasetName::Digits];
    let error = download(&names, &options, &mut |_| panic!("nothing is done")).unwrap_err();
    assert_eq!(error.to_string(), "digits needs no download: the program generates it");
}

/// The whole process with real files, if there are any.
#[test]
fn mnist_is_downloaded_verified_found_again_and_repaired() {
    let real = std::env::var_os("PLANGRAD_DATA").map(|folder| PathBuf::from(folder).join("mnist"));
    let Some(real) = real.filter(|folder| folder.join("train-images-idx3-ubyte.gz").is_file()) else {
        eprintln!("SKIPPED: needs PLANGRAD_DATA to name a folder with mnist/*.gz");
        return;
    };
    let server = Server::serving(Manner::Good, move |name| fs::read(real.join(name)).ok());
    let folder = tempfile::tempdir().unwrap();
    let options = DownloadOptions {
        data_dir: folder.path().to_path_buf(),
        mirrors: vec![server.url()],
        system_proxy: false,
        ..DownloadOptions::default()
    };
    let run = |damaged: usize| -> Vec<DownloadOutcome> {
        let mut found = 0;
        let count = &mut |event: DownloadEvent<'_>| {
            found += usize::from(matches!(event, DownloadEvent::Damaged { .. }))
        };
        let files = download(&[DatasetName::Mnist], &options, count).unwrap();
        assert_eq!(found, damaged);
        files.into_iter().map(|file| file.outcome).collect()
    };
    let fetched = |outcome: &DownloadOutcome| matches!(outcome, DownloadOutcome::Fetched(_));
    assert!(run(0).iter().all(fetched));
    assert_eq!(run(0), vec![DownloadOutcome::AlreadyVerified; 4]);
    assert!(crate::available(&DatasetName::Mnist, folder.path()));

    fs::write(folder.path().join("mnist/t10k-labels-idx1-ubyte.gz"), "damaged").unwrap();
    let repaired = run(1);
    assert!(fetched(&repaired[3]) && !repaired[..3].iter().any(fetched));

    fs::create_dir_all(folder.path().join("MNIST")).unwrap();
    fs::rename(folder.path().join("mnist"), folder.path().join("MNIST/raw")).unwrap();
    assert_eq!(run(0), vec![DownloadOutcome::AlreadyVerified; 4], "torchvision's folder is accepted as well");
    let options = crate::LoadOptions { data_dir: folder.path().to_path_buf(), ..Default::default() };
    assert_eq!(crate::load(&DatasetName::Mnist, &options).unwrap().train.len(), 60_000);
}
