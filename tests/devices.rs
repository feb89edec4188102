//! `plangrad devices`: what the machine has, which is what a run may use.

mod support;

use support::run;

#[test]
fn devices_reports_the_cpu_and_its_memory() {
    let folder = tempfile::tempdir().unwrap();
    let devices = run(folder.path(), "devices --format json").object();
    let cpu = &devices["cpu"];
    let cores = std::thread::available_parallelism().unwrap().get();
    assert_eq!(cpu["cores"].as_u64(), Some(cores as u64));
    let features = cpu["features"].as_array().unwrap();
    assert_eq!(features.last().unwrap(), "portable");
    let has_gpu = !devices["gpus"].as_array().unwrap().is_empty();
    assert_eq!(has_gpu, devices["cuda_unavailable_because"].is_null());
}

#[test]
#[cfg(target_os = "linux")]
fn memory_is_what_the_system_says() {
    let folder = tempfile::tempdir().unwrap();
    let devices = run(folder.path(), "devices --format json").object();
    let cpu = |key: &str| devices["cpu"][key].as_u64();
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap();
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    assert_eq!(cpu("memory_total"), Some(1024 * total.unwrap().parse::<u64>().unwrap()));
    let of = cpu("memory_limit").or(cpu("memory_total"));
    assert_eq!(Some(cpu("memory_used").unwrap() + cpu("memory_free").unwrap()), of);
    let margin = of.unwrap() / 16;
    assert_eq!(cpu("default_budget"), Some(cpu("memory_free").unwrap().saturating_sub(margin)));
}

#[test]
fn text_output_has_the_same_figures() {
    let folder = tempfile::tempdir().unwrap();
    let text = run(folder.path(), "devices").succeeded();
    let cpu = &run(folder.path(), "devices --format json").object()["cpu"];
    assert!(text.contains(&format!("  cores     {}\n", cpu["cores"])), "{text}");
    // What is used and free changes meanwhile.
    let total = format!("({} bytes)", cpu["memory_total"]);
    assert!(text.replace(',', "").contains(&total), "{total} in {text}");
    for line in ["cpu", "  cores ", "  vectors ", "  memory ", "  used ", "  free ", "  budget ", "gpu"] {
        assert!(text.lines().any(|found| found.starts_with(line)), "{line} in {text}");
    }
}
