mod server;

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::fetch::fetch;
use super::*;
use server::{Manner, Server};

const NAME: &str = "file.gz";

fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes that gzip cannot make smaller, so that files are as long as they look.
fn contents() -> Vec<u8> {
    let mut random = crate::sampling::Generator::from_words(&[1]);
    (0..300_000).map(|_| random.next_u64() as u8).collect()
}

fn gzip(contents: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(contents).unwrap();
    encoder.finish().unwrap()
}

/// A file to be fetched, the folder it goes to, and what was told on the way.
struct Case {
    file: Vec<u8>,
    sha256: String,
    contents_sha256: Option<String>,
    folder: TempDir,
    told: Vec<String>,
}

impl Case {
    fn new() -> Self {
        let file = gzip(&contents(), 6);
        let sha256 = sum(&file);
        Self { file, sha256, contents_sha256: None, folder: tempfile::tempdir().unwrap(), told: Vec::new() }
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

    fn fetch(&mut self, mirrors: &[String]) -> Result<Option<String>> {
        let remote = Remote {
            name: NAME,
            bytes: self.file.len() as u64,
            sha256: &self.sha256,
            contents_sha256: self.contents_sha256.as_deref(),
        };
        let client = Client::new(Duration::from_millis(300), false);
        let told = &mut self.told;
        let path = self.folder.path().join("mnist").join(NAME);
        fetch(&client, &remote, mirrors, &path, &mut |event| told.push(format!("{event:?}")))
    }

    /// Asserts that `bad` is given up for the reason that contains `reason`, and that the next mirror then succeeds.
    fn second_mirror_helps(&mut self, bad: String, reason: &str) {
        let good = self.server(Manner::Good);
        let came_from = self.fetch(&[bad.clone(), good.url()]).unwrap();
        assert_eq!(came_from, Some(format!("{}/{NAME}", good.url())));
        assert_eq!(fs::read(self.path()).unwrap(), self.file);
        assert!(!self.partial().exists());
        let failure = self.told.iter().find(|event| event.starts_with("MirrorFailed")).unwrap();
        assert!(failure.contains(&bad) && failure.contains(reason), "{failure}");
    }

    /// Asserts that `bad` alone fails for the reason that contains `reason`, and that no file is left in place.
    fn fails_alone(&mut self, bad: String, reason: &str) {
        let error = self.fetch(&[bad]).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
        assert!(!self.path().exists());
    }
}

#[test]
fn a_good_mirror_serves_the_file_and_progress_ends_at_its_size() {
    let mut case = Case::new();
    let good = case.server(Manner::Good);
    assert!(case.fetch(&[good.url() + "/"]).unwrap().is_some());
    assert_eq!(fs::read(case.path()).unwrap(), case.file);
    assert_eq!(good.ranges(), [None]);
    let size = case.file.len();
    assert!(case.told.last().unwrap().contains(&format!("bytes: {size}, total: {size}")), "{:?}", case.told);
}

#[test]
fn a_mirror_that_is_down_is_passed_over() {
    Case::new().second_mirror_helps(Server::down(), "the connection was refused");
}

#[test]
fn an_unknown_host_is_passed_over() {
    Case::new().second_mirror_helps("http://no-such-host.invalid".to_owned(), "");
}

#[test]
fn statuses_that_are_no_file_are_passed_over() {
    for status in [403, 404, 500, 503, 204] {
        let mut case = Case::new();
        let bad = case.server(Manner::Status(status));
        case.second_mirror_helps(bad.url(), &format!("the server answered {status}"));
    }
}

#[test]
fn a_log_in_page_is_recognised_by_its_type_or_by_its_bytes_and_leaves_a_partial_file_alone() {
    for (manner, reason) in [(Manner::Portal, "web page"), (Manner::DisguisedPortal, "expected")] {
        let mut case = Case::new();
        let bad = case.server(manner);
        case.leave_partial(&case.file[..1_000]);
        case.fails_alone(bad.url(), reason);
        assert_eq!(fs::read(case.partial()).unwrap(), case.file[..1_000]);
        case.second_mirror_helps(bad.url(), reason);
    }
    let mut case = Case::new();
    case.contents_sha256 = Some(sum(&contents())); // then the size says nothing
    let bad = case.server(Manner::DisguisedPortal);
    case.second_mirror_helps(bad.url(), "something else than a gzip file");
}

#[test]
fn a_mirror_that_breaks_off_is_asked_again_for_the_rest() {
    let mut case = Case::new();
    let bad = case.server(Manner::Truncates(100_000));
    assert!(case.fetch(&[bad.url()]).unwrap().is_some());
    assert_eq!(fs::read(case.path()).unwrap(), case.file);
    assert_eq!(bad.ranges(), [None, Some(100_000), Some(200_000), Some(300_000)]);
}

#[test]
fn a_mirror_that_breaks_off_at_the_same_place_for_ever_is_given_up() {
    let mut case = Case::new();
    let bad = case.server(Manner::TruncatesWholes(100_000));
    case.fails_alone(bad.url(), "the connection broke off");
    assert_eq!(bad.ranges(), [None, Some(100_000)]);
    let good = case.server(Manner::Good);
    case.fetch(&[good.url()]).unwrap();
    assert_eq!(good.ranges(), [Some(100_000)], "what came is not fetched again");
    assert_eq!(fs::read(case.path()).unwrap(), case.file);
}

#[test]
fn a_file_that_ends_early_without_an_announced_length_is_continued_elsewhere() {
    let mut case = Case::new();
    let bad = case.server(Manner::EndsEarly(70_000));
    case.second_mirror_helps(bad.url(), "the connection ended after 70000 of");
}

#[test]
fn a_mirror_that_stalls_is_given_up_after_the_timeout_and_continued_elsewhere() {
    let mut case = Case::new();
    let bad = case.server(Manner::Stalls(0));
    case.second_mirror_helps(bad.url(), "nothing came for 0.3 s");

    let mut case = Case::new();
    let slow = case.server(Manner::Stalls(100_000));
    case.leave_partial(&case.file[..50_000]);
    case.fetch(&[slow.url()]).unwrap();
    assert_eq!(slow.ranges(), [50_000, 150_000, 250_000].map(Some), "as long as it brings something");
    assert_eq!(fs::read(case.path()).unwrap(), case.file);
}

#[test]
fn a_mirror_that_never_answers_is_given_up() {
    let mut case = Case::new();
    let bad = case.server(Manner::Mute);
    case.second_mirror_helps(bad.url(), "nothing came for 0.3 s");
}

#[test]
fn a_corrupt_file_is_never_given_its_name_and_its_bytes_are_not_kept() {
    let mut case = Case::new();
    let bad = case.server(Manner::Corrupts);
    case.fails_alone(bad.url(), "wrong checksum: expected SHA-256");
    assert!(!case.partial().exists());
    case.second_mirror_helps(bad.url(), "wrong checksum");
}

#[test]
fn a_redirect_is_followed_and_an_endless_one_given_up() {
    let mut case = Case::new();
    let good = case.server(Manner::Good);
    let redirecting = case.server(Manner::Redirects(good.url()));
    assert!(case.fetch(&[redirecting.url()]).unwrap().is_some());
    assert_eq!(fs::read(case.path()).unwrap(), case.file);

    let mut case = Case::new();
    let itself = case.server(Manner::Redirects(String::new()));
    case.second_mirror_helps(itself.url(), "the server redirects without end");
}

#[test]
fn a_server_that_never_stops_is_stopped() {
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
fn a_server_that_ignores_ranges_sends_the_whole_and_that_is_taken() {
    let mut case = Case::new();
    let whole = case.server(Manner::IgnoresRanges);
    case.leave_partial(&case.file[..123_456]);
    case.fetch(&[whole.url()]).unwrap();
    assert_eq!(whole.ranges(), [Some(123_456)]);
    assert_eq!(fs::read(case.path()).unwrap(), case.file);
}

#[test]
fn a_range_that_was_not_asked_for_is_not_appended() {
    let mut case = Case::new();
    case.leave_partial(&case.file[..123_456]);
    let bad = case.server(Manner::WrongRange);
    case.second_mirror_helps(bad.url(), "the server sent the range `bytes 1-9/");
}

#[test]
fn a_damaged_partial_file_is_thrown_away_and_the_file_fetched_whole() {
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
fn a_partial_file_that_is_complete_needs_no_mirror() {
    let mut case = Case::new();
    case.leave_partial(&case.file);
    assert_eq!(case.fetch(&[]).unwrap(), None);
    assert_eq!(fs::read(case.path()).unwrap(), case.file);
}

#[test]
fn another_gzip_wrapping_of_the_same_contents_is_right_too() {
    let mut case = Case::new();
    let rewrapped = gzip(&contents(), 1);
    assert_ne!(rewrapped, case.file);
    let mirror = Server::start(Manner::Good, rewrapped.clone());
    case.fails_alone(mirror.url(), "");
    case.contents_sha256 = Some(sum(&contents()));
    case.fetch(&[mirror.url()]).unwrap();
    assert_eq!(fs::read(case.path()).unwrap(), rewrapped);
}

#[test]
fn a_partial_file_of_one_wrapping_is_not_completed_with_another() {
    let mut case = Case::new();
    case.contents_sha256 = Some(sum(&contents()));
    let mirror = Server::start(Manner::Good, gzip(&contents(), 0));
    case.leave_partial(&case.file[..100_000]);
    case.fetch(&[mirror.url()]).unwrap();
    assert_eq!(mirror.ranges(), [Some(100_000), None]);
    assert_eq!(fs::read(case.path()).unwrap(), gzip(&contents(), 0));
}

#[test]
fn when_all_mirrors_fail_each_ones_reason_is_told() {
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
    assert!(!case.partial().exists(), "an empty partial file is no use");
}

#[test]
fn two_downloads_of_one_file_do_not_mix() {
    let mut case = Case::new();
    case.leave_partial(b"");
    let other = fs::File::open(case.partial()).unwrap();
    other.lock().unwrap();
    assert!(matches!(case.fetch(&[]), Err(Error::DownloadBusy { .. })));
}

#[test]
fn a_folder_that_cannot_be_made_is_the_disks_fault_and_no_mirror_is_asked() {
    let mut case = Case::new();
    let good = case.server(Manner::Good);
    fs::write(case.folder.path().join("mnist"), "a file, no folder").unwrap();
    let error = case.fetch(&[good.url()]).unwrap_err();
    assert!(matches!(error, Error::Io { action: "created", .. }), "{error}");
    assert!(good.ranges().is_empty());
}

#[test]
fn what_needs_no_download_is_said_before_anything_is_done() {
    let options = DownloadOptions { data_dir: "no/such/folder".into(), ..DownloadOptions::default() };
    let names = [DatasetName::Mnist, DatasetName::Digits];
    let error = download(&names, &options, &mut |_| panic!("nothing is done")).unwrap_err();
    assert_eq!(error.to_string(), "digits needs no download: the program draws it");
}

/// The whole way with real files, where there are any.
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
    let run = |damaged: usize| -> Vec<Outcome> {
        let mut found = 0;
        let count = &mut |event: Event<'_>| found += usize::from(matches!(event, Event::Damaged { .. }));
        let files = download(&[DatasetName::Mnist], &options, count).unwrap();
        assert_eq!(found, damaged);
        files.into_iter().map(|file| file.outcome).collect()
    };
    let fetched = |outcome: &Outcome| matches!(outcome, Outcome::Fetched(_));
    assert!(run(0).iter().all(fetched));
    assert_eq!(run(0), vec![Outcome::AlreadyVerified; 4]);
    assert!(crate::available(&DatasetName::Mnist, folder.path()));

    fs::write(folder.path().join("mnist/t10k-labels-idx1-ubyte.gz"), "damaged").unwrap();
    let repaired = run(1);
    assert!(fetched(&repaired[3]) && !repaired[..3].iter().any(fetched));

    fs::create_dir_all(folder.path().join("MNIST")).unwrap();
    fs::rename(folder.path().join("mnist"), folder.path().join("MNIST/raw")).unwrap();
    assert_eq!(run(0), vec![Outcome::AlreadyVerified; 4], "torchvision's folder serves as well");
    let options = crate::Options { data_dir: folder.path().to_path_buf(), ..Default::default() };
    assert_eq!(crate::load(&DatasetName::Mnist, &options).unwrap().train.len(), 60_000);
}
