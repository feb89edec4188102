//! `plangrad serve`: its predictions are those of `predict`, whoever asks gets an answer or is refused, and it goes on.

#![cfg(unix)] // it is ended by signals

#[path = "report/browser.rs"]
mod browser;
#[path = "serve/client.rs"]
mod client;
mod support;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use browser::{Browser, View};
use client::{Response, Serving, post, response};
use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use plangrad::Picture;
use serde_json::{Value, json};
use support::{Tensor, digits_description, documented, keys, run, safetensors, small_mnist};

/// A folder with a small model of images in `it`.
fn images() -> tempfile::TempDir {
    let folder = small_mnist();
    run(folder.path(), "train --dataset mnist --hidden 16 --epochs 1 --no-report --out it").succeeded();
    folder
}

/// An image in a file, and its bytes.
fn picture(folder: &Path, name: &str, shape: [usize; 3]) -> Vec<u8> {
    let [channels, height, width] = shape;
    let value = |i: usize| if (i / width) % height < height / 3 { 230 } else { (i * 37 % 50) as u8 };
    let planes: Vec<u8> = (0..channels * height * width).map(value).collect();
    let bytes = Picture::from_planes(&shape, &planes).unwrap().to_png(Path::new(name)).unwrap();
    fs::write(folder.join(name), &bytes).unwrap();
    bytes
}

/// A PNG whose colour profile is as large as that once it is unpacked.
fn with_large_profile(png: &[u8], mebibytes: usize) -> Vec<u8> {
    let mut packed = ZlibEncoder::new(b"iCCPx\0\0".to_vec(), Compression::fast());
    (0..mebibytes).for_each(|_| packed.write_all(&[0; 1 << 20]).unwrap());
    let chunk = packed.finish().unwrap();
    let mut crc = Crc::new();
    crc.update(&chunk);
    let length = u32::try_from(chunk.len() - 4).unwrap().to_be_bytes();
    const HEADER: usize = 33;
    [&png[..HEADER], &length, &chunk, &crc.sum().to_be_bytes(), &png[HEADER..]].concat()
}

/// What of a line of `predict` a response has as well.
fn prediction(line: &Value) -> Value {
    json!({ "class": line["class"], "name": line["name"], "probabilities": line["probabilities"], "value": line["value"] })
}

#[test]
fn images_are_predicted_as_predict_does() {
    let folder = images();
    let serving = Serving::start(folder.path(), "it");
    assert_eq!(keys(&serving.start), documented()["serve"]);
    for (shape, path, options) in [
        ([1, 28, 28], "/predict", ""),
        ([1, 28, 28], "/predict?invert", " --invert"),
        ([3, 90, 50], "/predict?centre=1&invert=0", " --centre"),
        ([3, 200, 300], "/predict", ""),
    ] {
        let bytes = picture(folder.path(), "x.png", shape);
        let line = run(folder.path(), &format!("predict it --image x.png --format json{options}")).object();
        let found = serving.post(path, "image/png", &bytes);
        assert_eq!(found.status, 200, "{found:?}");
        assert_eq!(found.json()["predictions"], json!([prediction(&line)]), "{path} {shape:?}");
    }
    let elsewhere = Serving::start(folder.path(), "it --device accelerator");
    let bytes = picture(folder.path(), "x.png", [1, 28, 28]);
    let both = [&serving, &elsewhere].map(|serving| serving.post("/predict", "image/png", &bytes).json());
    assert_eq!((&elsewhere.start["device"], &both[0]), (&"accelerator".into(), &both[1]));
    let blank = Picture::from_planes(&[1, 28, 28], &[7; 784]).unwrap().to_png(Path::new("x")).unwrap();
    let remarks = &serving.post("/predict", "application/octet-stream", &blank).json()["remarks"];
    assert!(remarks[0].as_str().unwrap().contains("blank"), "{remarks}");
    assert_eq!(
        (serving.metric("predictions_total"), serving.metric("requests_total{status=\"200\"}")),
        (6.0, 7.0)
    );
}

#[test]
fn rows_are_predicted_as_predict_does_whether_as_json_or_as_csv() {
    let folder = tempfile::tempdir().unwrap();
    let row =
        |i: usize| format!("{},{},{}\n", i % 7, ["red", "blue"][i % 2], ["a", "b", "c"][(i + i % 7) % 3]);
    let text = |label: &str| format!("x,colour{label}\n");
    let table: String = (0..90).map(row).collect();
    fs::write(folder.path().join("table.csv"), text(",class") + &table).unwrap();
    let train = "train --dataset csv:table.csv --hidden 8 --epochs 2 --batch-size 8 --one-hot auto --missing drop --no-report --out it";
    run(folder.path(), train).succeeded();
    let new = text("") + "1,red\n,blue\n6.5,blue\n0.1,red\n";
    fs::write(folder.path().join("new.csv"), &new).unwrap();
    let lines = run(folder.path(), "predict it --dataset csv:new.csv --format json").objects();
    assert!(lines.len() == 4 && lines[1]["class"].is_null() && lines[0]["class"].is_number(), "{lines:?}");
    let expected: Vec<Value> = lines.iter().map(prediction).collect();
    // One at a time, in part of a batch, and in more than one.
    for arguments in ["it --batch-size 1", "it", "it --batch-size 2"] {
        let serving = Serving::start(folder.path(), arguments);
        let found = serving.post("/predict", "text/csv; charset=utf-8", new.as_bytes());
        assert_eq!((found.status, &found.json()["predictions"]), (200, &json!(expected)), "{arguments}");
        let rows = br#"{"rows": [[1, "red"], ["6.5", "blue"], [0.1, "red"]]}"#;
        let found = serving.post("/predict", "application/json", rows).json();
        assert_eq!(found["predictions"], json!([expected[0], expected[2], expected[3]]), "{arguments}");
    }
}

#[test]
fn regressions_are_predicted_in_units_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (0..60).map(|i| format!("{i},{},{}\n", i % 5, 100 + i + i % 5)).collect();
    fs::write(folder.path().join("sums.csv"), format!("a,b,sum\n{rows}")).unwrap();
    run(folder.path(), "train --dataset csv:sums.csv --loss mse --epochs 3 --no-report --out it").succeeded();
    let line = run(folder.path(), "predict it --values 7,2.5 --format json").object();
    let serving = Serving::start(folder.path(), "it");
    let found = serving.post("/predict", "application/json", br#"{"rows": [[7, 2.5]]}"#).json();
    assert_eq!(found, json!({ "predictions": [prediction(&line)], "remarks": [] }));
    assert_eq!(serving.get("/").status, 404, "there is nothing to draw");
}

#[test]
fn hostile_requests_are_refused_and_counted_and_the_server_goes_on() {
    let folder = images();
    let serving = Serving::start(folder.path(), "it --body-limit 64KiB");
    let image = picture(folder.path(), "x.png", [1, 28, 28]);
    let request = |text: &str| text.replace('\n', "\r\n").into_bytes();
    let with = |fields: &str| request(&format!("POST /predict HTTP/1.1\nHost: localhost\n{fields}\n\n"));
    let mut damaged = image.clone();
    damaged[40..60].fill(0xff);
    // A PNG whose header promises 60,000 × 60,000 pixels.
    let mut huge = image.clone();
    huge[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let cases: Vec<(u16, Vec<u8>)> = vec![
        (413, with("Content-Type: image/png\nContent-Length: 99999999999999999999")),
        (413, post("/predict", "image/png", &vec![0; 200_000])),
        (400, post("/predict", "image/png", b"")),
        (400, post("/predict", "image/png", b"<script>alert(1)</script>")),
        (400, post("/predict", "image/png", &damaged)),
        (400, post("/predict", "image/png", &huge)),
        (400, post("/predict", "image/png", &image[..image.len() / 2])),
        (415, post("/predict", "text/csv", b"a,b\n1,2\n")),
        (415, post("/predict", "application/json", br#"{"rows": [[1]]}"#)),
        (415, with("Content-Length: 4")),
        (411, with("Content-Type: image/png\nTransfer-Encoding: chunked")),
        (400, with("Content-Type: image/png\nContent-Length: -1")),
        (400, with("Content-Length: 1\nContent-Length: 2")),
        (421, request("GET /health HTTP/1.1\nHost: evil.example\n\n")),
        (400, request("GET /health HTTP/1.1\n\n")),
        (400, request("GET /health HTTP/9.9\nHost: localhost\n\n")),
        (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello, this is TLS\r\n\r\n".to_vec()),
        (431, request(&format!("GET /{} HTTP/1.1\nHost: localhost\n\n", "x".repeat(20_000)))),
        (431, request(&format!("GET / HTTP/1.1\nHost: localhost\n{}\n\n", "a: b\n".repeat(100)))),
        (404, request("GET /../../etc/passwd HTTP/1.1\nHost: localhost\n\n")),
        (405, request("DELETE /predict HTTP/1.1\nHost: localhost\n\n")),
        (405, request("GET /predict HTTP/1.1\nHost: localhost\n\n")),
    ];
    let expected: Vec<u16> = cases.iter().map(|(status, _)| *status).collect();
    for (status, bytes) in &cases {
        let found = serving.send(bytes);
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(120)]).into_owned();
        assert_eq!(found.status, *status, "{start}: {found:?}");
        assert!(!found.json()["error"].as_str().unwrap().is_empty(), "{start}");
    }
    assert_eq!(serving.post("/predict", "image/png", &image).status, 200);
    for status in [400, 404, 405, 411, 413, 415, 421, 431] {
        let count = expected.iter().filter(|&&found| found == status).count();
        assert_eq!(
            serving.metric(&format!("requests_total{{status=\"{status}\"}}")),
            count as f64,
            "{status}"
        );
    }
    let (ended, _) = serving.end("-TERM");
    assert!(ended.code == 0 && !ended.stderr.contains("panicked"), "{ended:?}");
}

#[test]
fn hostile_rows_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (0..60).map(|i| format!("{i},{},{}\n", i % 5, i % 3)).collect();
    fs::write(folder.path().join("t.csv"), format!("a,b,c\n{rows}")).unwrap();
    run(folder.path(), "train --dataset csv:t.csv --epochs 1 --no-report --out it").succeeded();
    let serving = Serving::start(folder.path(), "it --body-limit 4KiB");
    let many = format!("{{\"rows\": [{}[1, 2]]}}", "[1, 2], ".repeat(300));
    let csv = format!("a,b\n{}", "1,2\n".repeat(800));
    for (status, kind, body, reason) in [
        (400, "application/json", "{\"rows\": [[1, 2", "EOF"),
        (400, "application/json", "{\"rows\": [[1, 2, 3]]}", "expected 2"),
        (400, "application/json", "{\"rows\": [[1, \"x\"]]}", "expected a number"),
        (400, "application/json", "{\"rows\": [[1, 1e400]]}", "out of range"),
        (400, "application/json", "{\"rows\": [[1, NaN]]}", "line 1"),
        (400, "application/json", "[[[[[[[[", "expected an object"),
        (413, "application/json", &many, "rows in a request"),
        (413, "text/csv", &csv, "rows in a request"),
        (400, "text/csv", "a,b\n1,x\n", "the table: line 2, column `b`"),
        (400, "text/csv", "a,q\n1,2\n", "the table"),
        (400, "text/csv", "", "the table"),
        (400, "text/csv", "PK\u{3}\u{4}", "the table"),
        (415, "image/png", "x", "application/json or text/csv"),
    ] {
        let found = serving.post("/predict", kind, body.as_bytes());
        let error = found.json()["error"].as_str().unwrap_or_default().to_owned();
        assert!(found.status == status && error.contains(reason), "{body:.40}: {found:?} {error}");
    }
    assert_eq!(serving.post("/predict", "text/csv", b"a,b\n1,2\n").status, 200);
}

#[test]
fn requests_of_one_connection_are_answered_in_their_order() {
    let folder = images();
    let serving = Serving::start(folder.path(), "it");
    let image = picture(folder.path(), "x.png", [1, 28, 28]);
    let get =
        |path: &str, more: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n").into_bytes();
    let mut stream = serving.connect();
    let all = [
        get("/health", ""),
        post("/predict", "image/png", &image),
        get("/nothing", ""),
        post("/predict", "image/png", b"no image"),
        "HEAD /health HTTP/1.1\r\nHost: localhost\r\n\r\n".into(),
        get("/metrics", "Connection: close\r\n"),
    ];
    stream.write_all(&all[..4].concat()).unwrap();
    let statuses: Vec<u16> = (0..4).map(|_| response(&mut stream).unwrap().status).collect();
    assert_eq!(statuses, [200, 200, 404, 400]);
    stream.write_all(&all[5]).unwrap();
    assert!(response(&mut stream).unwrap().text().contains("plangrad_connections 1\n"));
    assert_eq!(response(&mut stream), None, "the connection was to be closed");
    // Of HEAD only the head comes.
    let mut stream = serving.connect();
    stream.write_all(&[all[4].clone(), get("/health", "Connection: close\r\n")].concat()).unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut stream, &mut text).unwrap();
    assert_eq!(
        (text.matches("HTTP/1.1 200 OK").count(), text.matches("{\"status\"").count()),
        (2, 1),
        "{text}"
    );
    // A body that is asked for first, as curl does.
    let mut stream = serving.connect();
    let head = format!(
        "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        image.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut go_on = [0; 25];
    std::io::Read::read_exact(&mut stream, &mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&image).unwrap();
    assert_eq!(response(&mut stream).unwrap().status, 200);
}

#[test]
fn slow_clients_lose_their_connection_and_do_not_delay_others() {
    let folder = images();
    let serving = Serving::start(folder.path(), "it --timeout 0.4 --connections 8");
    let image = picture(folder.path(), "x.png", [1, 28, 28]);
    let began = Instant::now();
    thread::scope(|scope| {
        let drip = |bytes: Vec<u8>, from: usize| {
            let mut stream = serving.connect();
            stream.write_all(&bytes[..from]).unwrap();
            for byte in &bytes[from..bytes.len() - 1] {
                if stream.write_all(&[*byte]).is_err() {
                    break; // it has given up
                }
                thread::sleep(Duration::from_millis(60));
            }
            response(&mut stream)
        };
        let request = post("/predict", "image/png", &image);
        let head = scope.spawn({
            let request = request.clone();
            move || drip(request, 3)
        });
        let body = scope.spawn(move || drip(request, 150));
        // Says nothing at all, and is closed without a word.
        let silent = scope.spawn(|| response(&mut serving.connect()));
        assert_eq!(serving.post("/predict", "image/png", &image).status, 200);
        assert!(began.elapsed() < Duration::from_millis(400), "others had to wait");
        let status = |found: Option<Response>| found.map(|response| response.status);
        // A reset may overtake the response to somebody who still writes; the count below is certain.
        assert!(matches!(status(head.join().unwrap()), Some(408) | None));
        assert!(matches!(status(body.join().unwrap()), Some(408) | None));
        assert_eq!(status(silent.join().unwrap()), None);
    });
    assert_eq!(serving.metric("requests_total{status=\"408\"}"), 2.0);
}

#[test]
fn connections_beyond_the_limit_are_told_to_try_again() {
    let folder = images();
    let serving = Serving::start(folder.path(), "it --connections 2");
    let mut open = [serving.connect(), serving.connect()];
    for stream in &mut open {
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        assert_eq!(response(stream).unwrap().status, 200);
    }
    for _ in 0..3 {
        let refused = serving.get("/health");
        assert!(refused.status == 503 && refused.head.contains("\r\nRetry-After: 1\r\n"), "{refused:?}");
    }
    drop(open);
    let waits = Instant::now();
    while serving.get("/health").status != 200 {
        assert!(waits.elapsed() < Duration::from_secs(10), "a place never became free");
        thread::sleep(Duration::from_millis(10));
    }
    assert!(serving.metric("requests_total{status=\"503\"}") >= 3.0);
}

#[test]
fn signals_end_it_cleanly_whoever_is_connected() {
    let folder = images();
    for signal in ["-INT", "-TERM"] {
        let serving = Serving::start(folder.path(), "it");
        let mut open: Vec<_> = (0..8).map(|_| serving.connect()).collect();
        open.iter_mut().take(4).for_each(|stream| stream.write_all(b"POST /predict HT").unwrap());
        assert_eq!(serving.get("/health").status, 200);
        let (ended, took) = serving.end(signal);
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(ended.stderr.contains("answered 1 request, made 0 predictions"), "{ended:?}");
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
}

#[test]
fn a_port_that_is_taken_and_a_folder_that_is_no_run_are_named() {
    let folder = images();
    let serving = Serving::start(folder.path(), "it");
    let port = serving.url().rsplit(':').next().unwrap();
    let refused = run(folder.path(), &format!("serve it --port {port}")).refused(2);
    assert!(refused.contains("--port") && refused.contains("take another port"), "{refused}");
    let refused = run(folder.path(), "serve data").refused(1);
    assert!(refused.contains("expected a model file or a run folder"), "{refused}");
    let refused = run(folder.path(), "serve it --body-limit 999TiB").refused(1);
    assert!(refused.contains("take a smaller --body-limit"), "{refused}");
}

#[test]
#[cfg(target_os = "linux")]
fn memory_stays_below_what_was_planned_under_the_largest_bodies() {
    let folder = images();
    let serving = Serving::start(folder.path(), "it --body-limit 4MiB");
    let status = |name: &str| -> f64 {
        let text = fs::read_to_string(format!("/proc/{}/status", serving.process())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        line.trim().strip_suffix(" kB").unwrap().parse::<f64>().unwrap() * 1024.0
    };
    let before = status("VmRSS:");
    let image = picture(folder.path(), "x.png", [3, 1800, 2400]);
    let junk = vec![b'x'; 4 << 20];
    let packed = with_large_profile(&picture(folder.path(), "y.png", [1, 28, 28]), 400);
    assert!(packed.len() < 4 << 20, "{}", packed.len());
    assert_eq!(serving.post("/predict", "image/png", &packed).status, 200, "its profile is left out");
    thread::scope(|scope| {
        for i in 0..32 {
            let (serving, image, junk) = (&serving, &image, &junk);
            scope.spawn(move || {
                let body = if i % 4 == 0 && image.len() <= 4 << 20 { image } else { junk };
                let found = serving.post("/predict", "image/png", body);
                assert!([200, 400, 503].contains(&found.status), "{}", found.status);
            });
        }
    });
    let taken = status("VmHWM:") - before;
    let planned = serving.start["planned_bytes"].as_f64().unwrap();
    assert!(taken < planned, "{taken} bytes were taken, {planned} planned");
}

/// A model file whose classes have names that would be markup.
fn hostile_model(folder: &Path) {
    let mut description = digits_description();
    let names = (0..10).map(|i| match i {
        0 => "</script><script>document.title = 1</script>".to_owned(),
        1 => "<img src=x onerror=document.title=2>".to_owned(),
        2 => "<!--<script>".to_owned(),
        other => other.to_string(),
    });
    description["classes"] = names.collect();
    let weights: Vec<f32> = (0..7840).map(|i| (i % 97) as f32 / 97.0 - 0.5).collect();
    let tensors = [
        Tensor { name: "layer1.weight", shape: &[10, 784], values: &weights },
        Tensor {
            name: "layer1.bias",
            shape: &[10],
            values: &[9.0, 8.0, 7.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        },
    ];
    fs::write(folder.join("hostile"), safetensors(Some(&description), &tensors)).unwrap();
}

/// A copy of the page that may hold the script of a probe, and talks to the server.
fn copy_of_page(serving: &Serving) -> String {
    let page = serving.get("/").text();
    page.replace("<meta charset", &format!("<base href=\"{}/\"><meta charset", serving.url()))
}

#[test]
fn the_page_lets_its_own_script_run_and_no_name_of_a_class() {
    let folder = tempfile::tempdir().unwrap();
    hostile_model(folder.path());
    let serving = Serving::start(folder.path(), "hostile");
    let page = serving.get("/");
    assert!(
        page.head.contains("Content-Security-Policy: default-src 'none'; connect-src 'self'; "),
        "{page:?}"
    );
    assert_eq!(
        page.text().matches("<script").count(),
        2,
        "one with what it knows of the model, one that draws"
    );
    let Some(browser) = Browser::find() else { return };
    let view = View { width: 1400, is_dark: false };
    let (shown, console) = browser.open(serving.url(), view);
    assert_eq!(console, Vec::<String>::new(), "its own policy lets its own script run");
    assert!(shown.contains("Draw, and watch the probabilities"), "{shown}");
    let found = browser.probe_with(&copy_of_page(&serving), include_str!("serve/probe.js"), view);
    let names: Vec<&str> =
        found["bars"].as_array().unwrap().iter().map(|bar| bar[0].as_str().unwrap()).collect();
    assert!(names.contains(&"<!--<script>") && names.len() == 10, "{found}");
    assert_eq!((&found["title"], &found["problems"]), (&"digits – plangrad serve".into(), &json!([])));
}

#[test]
fn what_is_drawn_on_the_page_is_predicted_at_any_width_in_light_and_dark() {
    let Some(browser) = Browser::find() else { return };
    let folder = images();
    let serving = Serving::start(folder.path(), "it");
    let page = copy_of_page(&serving);
    for (width, is_dark) in [(360, false), (360, true), (1400, false), (1400, true)] {
        let view = View { width, is_dark };
        let found = browser.probe_with(&page, include_str!("serve/probe.js"), view);
        assert_eq!((&found["width"], &found["dark"]), (&width.into(), &is_dark.into()));
        assert_eq!((&found["problems"], &found["pale"]), (&json!([]), &json!([])), "{view:?}");
        assert_eq!((&found["wide"], &found["unnamed"]), (&false.into(), &0.into()), "{view:?}");
        assert_eq!(
            (&found["empty"], &found["cleared"]),
            (&"Draw something.".into(), &"Draw something.".into())
        );
        // The same picture, predicted by the command.
        let image = found["image"].as_str().unwrap().strip_prefix("data:image/png;base64,").unwrap();
        fs::write(folder.path().join("drawn.png"), from_base64(image)).unwrap();
        assert_eq!(found["isCentred"], true);
        let line = run(folder.path(), "predict it --image drawn.png --centre --format json").object();
        let shares = line["probabilities"].as_array().unwrap().iter().map(|share| share.as_f64().unwrap());
        for (class, share) in shares.enumerate() {
            let bar = &found["bars"][class];
            assert_eq!(bar, &json!([class.to_string(), format!("{:.2}\u{a0}%", 100.0 * share)]), "{view:?}");
            let length = found["lengths"][class].as_f64().unwrap();
            assert!((length - share).abs() < 0.02, "the bar of {class} is {length} long");
        }
        let answer = found["answer"].as_str().unwrap();
        assert!(answer.starts_with(&format!("{}, ", line["name"].as_str().unwrap())), "{answer}");
    }
}

fn from_base64(text: &str) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let value = |letter: u8| LETTERS.iter().position(|&known| known == letter).unwrap() as u32;
    let mut bytes = Vec::new();
    for four in text.trim_end_matches('=').as_bytes().chunks(4) {
        let bits = four.iter().fold(0, |bits, &letter| bits << 6 | value(letter)) << (6 * (4 - four.len()));
        bytes.extend(&bits.to_be_bytes()[1..four.len()]);
    }
    bytes
}

/// `cargo test --release --test serve -- --ignored --nocapture`
#[test]
#[ignore = "measures: run it alone, in release"]
fn load_of_64_connections() {
    const CONNECTIONS: usize = 64;
    const REQUESTS: usize = 500;
    let folder = images();
    let serving = Serving::start(folder.path(), "it");
    let request = post("/predict", "image/png", &picture(folder.path(), "x.png", [1, 28, 28]));
    let began = Instant::now();
    let mut seconds: Vec<f64> = thread::scope(|scope| {
        let talk = || {
            let mut stream = serving.connect();
            let ask = |_| {
                let began = Instant::now();
                stream.write_all(&request).unwrap();
                assert_eq!(response(&mut stream).unwrap().status, 200);
                began.elapsed().as_secs_f64()
            };
            (0..REQUESTS).map(ask).collect::<Vec<f64>>()
        };
        let threads: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(talk)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let took = began.elapsed().as_secs_f64();
    seconds.sort_by(f64::total_cmp);
    let at = |share: f64| 1e3 * seconds[((seconds.len() - 1) as f64 * share) as usize];
    println!(
        "{CONNECTIONS} connections: {:.0} requests/s, median {:.2} ms, p99 {:.2} ms",
        seconds.len() as f64 / took,
        at(0.5),
        at(0.99)
    );
    assert_eq!(serving.metric("predictions_total"), (CONNECTIONS * REQUESTS) as f64);
}
