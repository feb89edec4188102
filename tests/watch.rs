//! `plangrad watch`: it shows what the run writes, as it comes, whatever becomes of the run's folder and whoever connects.

#![cfg(unix)] // it is ended by signals

#[path = "report/browser.rs"]
mod browser;
#[path = "serve/client.rs"]
mod client;
mod support;

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use browser::{Browser, View};
use client::{Serving, response};
use serde_json::{Value, json};
use support::{documented, keys, plangrad, run, small_mnist};

const RUN: &str = "train --dataset mnist --hidden 16 --epochs 3 --log-every 10 --out it";

/// A folder with a finished run in `it`.
fn finished() -> tempfile::TempDir {
    let folder = small_mnist();
    run(folder.path(), RUN).succeeded();
    folder
}

/// The same run as it stood after its first epoch: without its end, its model, and what it logged since.
fn unfinished() -> tempfile::TempDir {
    let folder = small_mnist();
    run(folder.path(), &format!("{RUN} --max-steps 25")).succeeded();
    let it = folder.path().join("it");
    fs::remove_file(it.join("model.safetensors")).unwrap();
    let log = fs::read_to_string(it.join("metrics.jsonl")).unwrap();
    let kept: Vec<&str> = log.lines().filter(|line| !line.contains("\"end\"")).collect();
    fs::write(it.join("metrics.jsonl"), kept.join("\n") + "\n").unwrap();
    folder
}

fn watch(folder: &Path) -> Serving {
    Serving::command(folder, "watch it --serve")
}

fn append(folder: &Path, text: &str) {
    let log = OpenOptions::new().append(true).open(folder.join("it/metrics.jsonl"));
    log.unwrap().write_all(text.as_bytes()).unwrap();
}

fn epoch(number: u64, loss: f64) -> String {
    json!({ "event": "epoch", "epoch": number, "train_loss": loss, "test_loss": loss, "test_accuracy": 0.5, "train_seconds": 1.0, "eval_seconds": 0.1 })
        .to_string()
        + "\n"
}

/// A stream of events.
struct Events(BufReader<TcpStream>);

impl Events {
    fn of(serving: &Serving) -> Events {
        let mut stream = serving.connect();
        stream.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut events = Events(BufReader::new(stream));
        let head: Vec<String> =
            std::iter::from_fn(|| events.line()).take_while(|line| line != "\r\n").collect();
        assert!(head[0].starts_with("HTTP/1.1 200 OK"), "{head:?}");
        assert!(head.iter().any(|field| field == "Content-Type: text/event-stream\r\n"), "{head:?}");
        events
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        (self.0.read_line(&mut line).unwrap() > 0).then_some(line)
    }

    /// The next event; `None` once the stream ends.
    fn next(&mut self) -> Option<Value> {
        loop {
            let line = self.line()?;
            if let Some(data) = line.strip_prefix("data: ") {
                return Some(serde_json::from_str(data).unwrap());
            }
        }
    }

    /// The next event that is like that.
    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        std::iter::from_fn(|| self.next()).find(|event| wanted(event)).expect("the stream has ended")
    }
}

#[test]
fn a_finished_run_is_printed_as_train_printed_it() {
    let folder = small_mnist();
    let trained = run(folder.path(), RUN).succeeded();
    let watched = run(folder.path(), "watch it").succeeded();
    let of = |text: &str| {
        let lines = text.lines().filter(|line| line.starts_with("Epoch ") || line.contains("samples/s;"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(of(&trained), of(&watched));
    assert!(of(&watched).len() > 6, "{watched}");
    let events = run(folder.path(), "watch it --format json").objects();
    let log = fs::read_to_string(folder.path().join("it/metrics.jsonl")).unwrap();
    let logged: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events, logged);
    assert!(run(folder.path(), "watch nowhere").refused(1).contains("nowhere"));
}

#[test]
fn lines_come_as_the_run_writes_them_and_none_comes_twice() {
    let folder = unfinished();
    let path = folder.path().to_path_buf();
    let writer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(700));
        let second = epoch(2, 0.25);
        append(&path, &second[..20]);
        thread::sleep(Duration::from_millis(700));
        append(&path, &second[20..]);
        // As a run that is resumed: the log is replaced, and goes on.
        let log = fs::read_to_string(path.join("it/metrics.jsonl")).unwrap();
        fs::write(path.join("it/new"), log + &epoch(3, 0.125) + "{\"event\":\"end\",\"model\":\"m\"}\n")
            .unwrap();
        thread::sleep(Duration::from_millis(700));
        fs::rename(path.join("it/new"), path.join("it/metrics.jsonl")).unwrap();
    });
    let watched = run(folder.path(), "watch it").succeeded();
    writer.join().unwrap();
    let epochs: Vec<&str> = watched.lines().filter(|line| line.contains(": train loss")).collect();
    assert_eq!(epochs.len(), 3, "{watched}");
    assert!(epochs[2].starts_with("Epoch 3/3: train loss 0.1250"), "{watched}");
    assert!(watched.ends_with("Done, model in m\n"), "{watched}");
}

#[test]
fn events_tell_everything_first_and_then_what_is_new() {
    let folder = unfinished();
    let serving = watch(folder.path());
    assert_eq!(keys(&serving.start), documented()["watch"]);
    let mut events = Events::of(&serving);
    let first = events.next().unwrap();
    assert_eq!(first["history"]["epochs"].as_array().unwrap().len(), 1);
    assert!(first["memory"]["total"].as_u64().unwrap() > 0, "what it takes is planned from the checkpoint");
    let what = first["examined"]["what"].as_str().unwrap();
    assert!(what.starts_with("256 samples of mnist test, after epoch "), "{what}");
    append(folder.path(), "{\"event\":\"step\",\"epoch\":2,\"step\":10,\"loss\":0.75}\n");
    let part = events.next().unwrap();
    assert_eq!(part["history"]["steps"].as_array().unwrap().last().unwrap()["loss"], 0.75);
    assert!(part.get("memory").is_none(), "what has not changed is not sent again");
    append(folder.path(), &epoch(2, 0.5));
    let whole = events.until(|event| event["history"]["epochs"].as_array().unwrap().len() == 2);
    assert!(whole["problem"].is_null());
    let (ended, took) = serving.end("-INT");
    assert!(ended.code == 0 && took < Duration::from_secs(3), "{ended:?} after {took:?}");
    assert!(events.next().is_none(), "the stream ends with the server");
}

#[test]
fn a_run_that_is_complete_shows_all_test_samples() {
    let folder = finished();
    let first = Events::of(&watch(folder.path())).next().unwrap();
    let evaluated = run(folder.path(), "eval it --format json").object();
    assert_eq!(first["examined"]["classes"]["confusion"], evaluated["confusion"]);
}

#[test]
fn whatever_becomes_of_the_run_the_server_goes_on_and_says_so() {
    let folder = unfinished();
    let it = folder.path().join("it");
    let serving = watch(folder.path());
    let mut events = Events::of(&serving);
    events.next().unwrap();
    append(folder.path(), "\0\u{ff}nonsense {\"event\":\"epoch\",\"epoch\":\n");
    append(folder.path(), &format!("{{\"event\":\"step\",\"x\":\"{}\"}}\n", "y".repeat(3 << 20)));
    append(
        folder.path(),
        "{\"event\":\"step\",\"epoch\":18446744073709551615,\"step\":18446744073709551615,\"loss\":1e999}\n",
    );
    append(folder.path(), "{\"event\":\"step\",\"epoch\":2,\"step\":20,\"loss\":0.5}\n");
    events
        .until(|event| event["history"]["steps"].as_array().unwrap().iter().any(|step| step["loss"] == 0.5));
    let config = fs::read(it.join("config.toml")).unwrap();
    fs::write(it.join("config.toml"), "epochs = \"many\"").unwrap();
    append(folder.path(), &epoch(2, 0.5));
    let told = events.until(|event| event["problem"].is_string());
    assert!(told["problem"].as_str().unwrap().contains("config.toml"), "{told}");
    fs::write(it.join("config.toml"), config).unwrap();
    append(folder.path(), &epoch(3, 0.5));
    events.until(|event| {
        event["history"]["epochs"].as_array().unwrap().len() == 3 && event["problem"].is_null()
    });
    fs::write(it.join("checkpoint.safetensors"), b"no checkpoint").unwrap();
    append(folder.path(), &epoch(4, 0.5));
    events.until(|event| event["problem"].is_string());
    fs::remove_dir_all(&it).unwrap();
    thread::sleep(Duration::from_secs(1));
    assert_eq!(serving.get("/").status, 200, "the last that is known stays");
    let (ended, _) = serving.end("-TERM");
    assert!(ended.code == 0 && !ended.stderr.contains("panicked"), "{ended:?}");
}

#[test]
fn hostile_clients_are_refused_and_those_who_do_not_listen_are_left() {
    let folder = unfinished();
    let serving = watch(folder.path());
    let request = |text: &str| text.replace('\n', "\r\n").into_bytes();
    for (status, bytes) in [
        (421, request("GET / HTTP/1.1\nHost: evil.example\n\n")),
        (405, request("POST /events HTTP/1.1\nHost: localhost\n\n")),
        (413, request("GET / HTTP/1.1\nHost: localhost\nContent-Length: 5\n\nhello")),
        (404, request("GET /../it/config.toml HTTP/1.1\nHost: localhost\n\n")),
        (431, request(&format!("GET /{} HTTP/1.1\nHost: localhost\n\n", "x".repeat(20_000)))),
        (400, b"\x16\x03\x01 TLS\r\n\r\n".to_vec()),
    ] {
        assert_eq!(serving.send(&bytes).status, status, "{}", String::from_utf8_lossy(&bytes[..20]));
    }
    let head = serving.connect();
    (&head).write_all(b"HEAD /events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut text = String::new();
    (&head).read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200") && !text.contains("data:"), "{text}");
    let serving = Serving::command(folder.path(), "watch it --serve --connections 4");
    // Whoever talks while it should listen, or goes away, makes room again; so does whoever never reads.
    let mut listeners: Vec<Events> = (0..4).map(|_| Events::of(&serving)).collect();
    assert_eq!(serving.get("/health").status, 503);
    listeners[0].0.get_mut().write_all(b"GET / HTTP/1.1\r\n").unwrap();
    drop(listeners.split_off(2));
    let waits = Instant::now();
    while serving.get("/health").status != 200 {
        assert!(waits.elapsed() < Duration::from_secs(10), "a place never became free");
        thread::sleep(Duration::from_millis(20));
    }
    append(folder.path(), "{\"event\":\"step\",\"epoch\":2,\"step\":10,\"loss\":0.75}\n");
    listeners[1]
        .until(|event| event["history"]["steps"].as_array().unwrap().iter().any(|step| step["loss"] == 0.75));
}

#[test]
fn names_from_outside_are_never_markup_on_the_page() {
    let folder = tempfile::tempdir().unwrap();
    const NAMES: [&str; 2] =
        ["</script><script>document.title = 1</script>", "<img src=x onerror=document.title=2>"];
    let rows = (0..90).map(|i| format!("{},{},{}\n", i % 2, i % 7, NAMES[i % 2]));
    fs::write(folder.path().join("t.csv"), format!("x,y,<b>class</b>\n{}", rows.collect::<String>()))
        .unwrap();
    let arguments = "train --dataset csv:t.csv --hidden 8 --epochs 2 --batch-size 8 --out it";
    plangrad(folder.path(), arguments.split(' ')).succeeded();
    let serving = watch(folder.path());
    let page = serving.get("/");
    assert!(
        page.head.contains("Content-Security-Policy: default-src 'none'; connect-src 'self'; "),
        "{page:?}"
    );
    assert_eq!(page.text().matches("<script").count(), 2, "one with the data, one that draws");
    let Some(browser) = Browser::find() else { return };
    let (shown, console) = browser.open_at_once(serving.url(), View { width: 1400, is_dark: false });
    assert_eq!(console, Vec::<String>::new());
    assert!(
        shown.contains("<title>it – plangrad report</title>")
            && shown.contains("&lt;script&gt;document.title = 1")
    );
}

#[test]
fn the_page_follows_the_run_in_a_browser_at_any_width_in_light_and_dark() {
    let Some(browser) = Browser::find() else { return };
    let folder = unfinished();
    let serving = watch(folder.path());
    let mut epochs = 1;
    for (width, is_dark) in [(360, false), (360, true), (1400, false), (1400, true)] {
        let view = View { width, is_dark };
        let page = serving.get("/").text();
        let page = page.replace("<meta charset", &format!("<base href=\"{}/\"><meta charset", serving.url()));
        epochs += 1;
        append(folder.path(), &epoch(epochs, 0.125));
        let probe = include_str!("watch/probe.js").replace("EXPECTED", &epochs.to_string());
        let found = browser.probe_live(&page, &probe, view);
        assert_eq!((&found["width"], &found["dark"]), (&width.into(), &is_dark.into()));
        assert_eq!((&found["problems"], &found["pale"]), (&json!([]), &json!([])), "{view:?}");
        assert_eq!((&found["wide"], &found["unnamed"]), (&false.into(), &0.into()), "{view:?}");
        assert!(found["before"] != found["after"] && found["after"] == json!(epochs.to_string()), "{found}");
        assert_eq!(
            found["readout"],
            format!("epoch {epochs}: train (mean of the epoch) 0.1250, test 0.1250")
        );
        assert_eq!((&found["opened"], &found["focused"]), (&true.into(), &true.into()), "{view:?}");
        assert_eq!(found["standing"], format!("Following the run: epoch {}.", epochs + 1));
    }
    let (shown, console) = browser.open_at_once(serving.url(), View { width: 1400, is_dark: false });
    assert_eq!(console, Vec::<String>::new(), "its own policy lets its own script run and listen");
    assert!(shown.contains("Following the run: epoch "), "{shown}");
}

#[test]
fn watching_answers_while_a_run_goes_on() {
    let folder = small_mnist();
    let mut command = support::command(folder.path());
    command.args("train --dataset mnist --hidden 16 --epochs 200 --log-every 5 --out it".split(' '));
    let mut train = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    let waits = Instant::now();
    while !folder.path().join("it/checkpoint.safetensors").is_file() {
        assert!(waits.elapsed() < Duration::from_secs(60));
        thread::sleep(Duration::from_millis(20));
    }
    let serving = watch(folder.path());
    let mut events = Events::of(&serving);
    events.next().unwrap();
    events.next().unwrap();
    support::send("-INT", train.id());
    train.wait().unwrap();
    events.until(|event| event["history"]["end"].is_object());
    let mut stream = serving.connect();
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(response(&mut stream).unwrap().status, 200);
}

/// What a terminal gets while a command runs in it, and a signal comes after some seconds; `None` where there is no terminal to
/// be had.
#[cfg(feature = "tui")]
fn in_terminal(folder: &Path, arguments: &str, signal: &str) -> Option<String> {
    let program = env!("CARGO_BIN_EXE_plangrad");
    let words = format!("stty cols 80 rows 24; exec timeout -s {signal} 4 {program} {arguments}");
    let mut command = std::process::Command::new("script");
    command.args(["-qec", &words, "/dev/null"]).current_dir(folder).stdin(std::process::Stdio::null());
    command.env("TERM", "xterm-256color").env("PLANGRAD_DEVICE", "cpu").env_remove("PLANGRAD_DATA");
    match command.output() {
        Ok(output) => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
        Err(_) => {
            assert!(std::env::var_os("PLANGRAD_CI").is_none(), "no `script` is installed");
            eprintln!("SKIPPED: install `script` (util-linux) to try the screen in a terminal");
            None
        }
    }
}

#[test]
#[cfg(feature = "tui")]
fn the_terminal_is_given_back_when_a_signal_ends_the_run_or_the_watching() {
    let (taken, given_back) = ("\u{1b}[?1049h", "\u{1b}[?1049l");
    let folder = small_mnist();
    let train = "train --dataset mnist --hidden 16 --epochs 100000 --out it --progress tui";
    for (arguments, signal, says) in [
        (train, "TERM", "stopping after this step and saving"),
        ("train --resume it --progress tui", "INT", "plangrad train --resume it"),
        ("watch it", "TERM", "stopping"),
    ] {
        let Some(shown) = in_terminal(folder.path(), arguments, signal) else { return };
        let (_, screen) = shown.split_once(taken).unwrap_or_else(|| panic!("{arguments}: {shown}"));
        let (screen, after) = screen.split_once(given_back).unwrap_or_else(|| panic!("{arguments}: {shown}"));
        assert!(screen.contains("memory") && after.contains("\u{1b}[?25h"), "{arguments}: {shown}");
        assert!(after.contains(says) && !after.contains(taken), "{arguments}: {after}");
        if arguments == train {
            assert!(after.contains(": train loss"), "the lines that waited follow: {after}");
        }
    }
}

#[test]
fn the_screen_is_refused_where_there_cannot_be_one() {
    let folder = small_mnist();
    let train = "train --dataset mnist --hidden 16 --epochs 1 --no-report --out it --progress";
    if cfg!(feature = "tui") {
        let lines = run(folder.path(), &format!("{train} tui"));
        assert!(lines.stderr.contains("no terminal") && lines.succeeded().contains("Epoch 1/1: train loss"));
        let refused = run(folder.path(), &format!("{train} tui --format json"));
        assert!(refused.code == 2 && refused.stderr.contains("--progress: tui is for people"), "{refused:?}");
    } else {
        let refused = run(folder.path(), &format!("{train} tui")).refused(2);
        assert!(refused.contains("--features tui"), "{refused}");
    }
    let overwrite = format!("{train} none --overwrite");
    let shown = run(folder.path(), &overwrite).succeeded();
    assert!(!shown.contains(", batch 0/") && shown.contains("Epoch 1/1: train loss"), "{shown}");
    let shown = run(folder.path(), &format!("{train} plain --overwrite")).succeeded();
    assert!(shown.contains(", batch 0/"), "{shown}");
}
