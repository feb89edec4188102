//! What is done to the program, each with what must be true afterwards. A try returns what broke, if anything did.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::target::{Ended, Target};
use crate::Result;

/// A run with every kind of state, of about a second.
const RUN: &str =
    "train --dataset digits --hidden 48,24 --dropout 0.2 --epochs 2 --checkpoint-every 20 --log-every 5";
/// A small one.
const SMALL: &str = "train --dataset digits --hidden 8 --epochs 1 --checkpoint-every 50";
/// System calls at which files are made, written and put in place.
const CALLS: [&str; 10] =
    ["openat", "openat2", "write", "fsync", "fdatasync", "renameat", "mkdirat", "unlinkat", "lseek", "mmap"];
/// What they are made to answer.
const ANSWERS: [&str; 4] = ["signal=KILL", "error=ENOSPC", "error=EIO", "error=EINTR"];
/// The exit code of a program that could not be loaded: its first line had not run yet.
const NOT_LOADED: i32 = 127;
/// The first call of `mmap` that is the program's own: those before are of the loader and of the language's runtime, which end
/// the process if one fails.
const RUNNING: usize = 20;
/// Runs in a row that may end before the call that was to fail.
const MOST_MISSES: usize = 50;
/// Containers, in MiB.
const CONTAINERS: [usize; 9] = [24, 32, 48, 64, 100, 160, 256, 512, 1024];
/// A clock that stands still, for the dynamic linker to put before the system's.
const STOPPED_CLOCK: &str = "#include <time.h>\nint clock_gettime(clockid_t id, struct timespec *t) { (void)id; \
    t->tv_sec = 1000; t->tv_nsec = 0; return 0; }\n";

/// A system that gives as many threads as the variable says, and no more.
const FEW_THREADS: &str = "#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <errno.h>\n#include <pthread.h>\n\
    #include <stdlib.h>\nstatic int given;\n\
    int pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *x) {\n\
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = dlsym(RTLD_NEXT, \"pthread_create\");\n\
    const char *most = getenv(\"MOST_THREADS\");\n\
    if (most && __sync_fetch_and_add(&given, 1) >= atoi(most)) return EAGAIN;\n\
    return real(t, a, f, x); }\n";

/// A kind of attack.
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// What must hold.
    pub(super) promise: &'static str,
    pub(super) attempt: fn(&mut Target) -> Result<Option<String>>,
    /// What this machine lacks for it.
    pub(super) missing: fn(&Target) -> Option<&'static str>,
}

pub(super) const KINDS: [Kind; 10] = [
    Kind {
        name: "signals",
        promise: "a run that is killed or interrupted again and again, and resumed with other threads, ends with the same bytes",
        attempt: signals,
        missing: nothing,
    },
    Kind {
        name: "system calls",
        promise: "a run during which a call fails, or that is killed at one, ends with the same bytes once resumed",
        attempt: system_calls,
        missing: without_strace,
    },
    Kind {
        name: "`--overwrite`",
        promise: "killed or refused at any call, the old run or the new one can be resumed",
        attempt: overwrite,
        missing: without_strace,
    },
    Kind {
        name: "full disks",
        promise: "a full disk costs no checkpoint, and the run ends with the same bytes once there is room",
        attempt: full_disk,
        missing: nothing,
    },
    Kind {
        name: "flipped bits",
        promise: "a checkpoint or model with any bit flipped is refused",
        attempt: flipped_bit,
        missing: nothing,
    },
    Kind {
        name: "truncations",
        promise: "a checkpoint or model of any other length is refused",
        attempt: truncation,
        missing: nothing,
    },
    Kind {
        name: "containers",
        promise: "in 24 MiB to 1 GiB every command works or says what it needs",
        attempt: container,
        missing: without_cgroup,
    },
    Kind {
        name: "address space",
        promise: "the same under a limit on the address space",
        attempt: address_space,
        missing: nothing,
    },
    Kind {
        name: "refused threads",
        promise: "where the system gives few further threads or none, every command works",
        attempt: refused_threads,
        missing: without_compiler,
    },
    Kind {
        name: "stopped clock",
        promise: "`fit` and `sweep` end with a sentence",
        attempt: stopped_clock,
        missing: without_compiler,
    },
];

/// Writes what the tries compare with.
pub(super) fn prepare(target: &Target) -> Result<()> {
    for (arguments, out) in [(RUN, "whole"), (SMALL, "small")] {
        let ended = target.run(&format!("{arguments} --out {out}"))?;
        if ended.code != Some(0) {
            return Err(format!("an undisturbed run failed: {}", ended.stderr));
        }
    }
    Ok(())
}

fn signals(target: &mut Target) -> Result<Option<String>> {
    target.remove(&target.path("run"));
    for turn in 0..20 {
        let threads = 1 + target.number(3);
        let start = if target.path("run/checkpoint.safetensors").exists() {
            format!("train --resume run --threads {threads}")
        } else {
            format!("{RUN} --out run --overwrite --threads {threads}")
        };
        let signal = ["-KILL", "-INT", "-TERM"][target.number(3)];
        let after = Duration::from_millis(target.number(if turn < 15 { 700 } else { 100_000 }) as u64);
        let ended = target.run_and_signal(&start, signal, after)?;
        match ended.misbehaviour() {
            Some(_) if ended.signal.is_some() => {} // we have killed it
            Some(broken) => return Ok(Some(broken)),
            None if ended.code == Some(0) => break,
            None => {}
        }
    }
    completed(target, "run", RUN, "whole")
}

fn system_calls(target: &mut Target) -> Result<Option<String>> {
    let afresh = |target: &Target| {
        target.remove(&target.path("run"));
        Ok(())
    };
    let ended = injected(target, &format!("{SMALL} --out run"), afresh)?;
    Ok(match ended.misbehaviour().filter(|_| !killed(&ended)) {
        Some(broken) => Some(broken),
        None => completed(target, "run", SMALL, "small")?
            .map(|broken| format!("{broken}; after {}", ended.last_line())),
    })
}

fn overwrite(target: &mut Target) -> Result<Option<String>> {
    let earlier = |target: &Target| target.copy("small", "run");
    let ended = injected(target, &format!("{RUN} --max-steps 1 --out run --overwrite"), earlier)?;
    if let Some(broken) = ended.misbehaviour().filter(|_| !killed(&ended)) {
        return Ok(Some(broken));
    }
    let resumed = target.run("train --resume run")?;
    Ok((resumed.code != Some(0)).then(|| format!("{}; after {}", resumed.last_line(), ended.last_line())))
}

/// Runs the program with one system call, chosen by number, failing or killing it. A call that the program does not reach is
/// no attack: others are tried until one is.
fn injected(target: &mut Target, arguments: &str, before: impl Fn(&Target) -> Result<()>) -> Result<Ended> {
    let log = target.path("strace.log");
    for _ in 0..MOST_MISSES {
        before(target)?;
        let (call, answer) = (CALLS[target.number(CALLS.len())], ANSWERS[target.number(ANSWERS.len())]);
        let (first, calls) = match call {
            "write" => (1, 60),
            "mmap" => (RUNNING, 25),
            _ => (1, 25),
        };
        let when = first + target.number(calls);
        let (trace, inject) = (format!("trace={call}"), format!("inject={call}:{answer}:when={when}"));
        let shown = log.to_string_lossy().into_owned();
        let strace = ["strace", "-f", "-qq", "-o", &shown, "-e", &trace, "-e", &inject];
        let ended = target.run_behind(&strace, arguments)?;
        let injected = fs::read_to_string(&log).is_ok_and(|log| log.contains("INJECTED"));
        if ended.code != Some(NOT_LOADED) && (injected || killed(&ended)) {
            return Ok(Ended { stderr: format!("{}\n({inject})", ended.stderr.trim_end()), ..ended });
        }
    }
    Err(format!("strace injected nothing in {MOST_MISSES} runs"))
}

/// Whether the injected signal ended it, or strace in its name.
fn killed(ended: &Ended) -> bool {
    ended.signal == Some(9) || ended.code == Some(137)
}

fn full_disk(target: &mut Target) -> Result<Option<String>> {
    target.remove(&target.path("run"));
    let blocks = target.number(200);
    let ended = target.run_limited(&format!("ulimit -f {blocks}"), &format!("{SMALL} --out run"))?;
    Ok(match ended.misbehaviour() {
        Some(broken) => Some(broken),
        None => completed(target, "run", SMALL, "small")?,
    })
}

fn flipped_bit(target: &mut Target) -> Result<Option<String>> {
    damaged(target, |target, bytes| {
        let at = target.number(bytes.len());
        bytes[at] ^= 1 << target.number(8);
    })
}

fn truncation(target: &mut Target) -> Result<Option<String>> {
    damaged(target, |target, bytes| match target.number(8) {
        0 => bytes.push(0),
        _ => bytes.truncate(target.number(bytes.len())),
    })
}

/// Damages a checkpoint or a model, which must then be refused.
fn damaged(target: &mut Target, damage: impl Fn(&mut Target, &mut Vec<u8>)) -> Result<Option<String>> {
    let (file, command) = [
        ("checkpoint.safetensors", "train --resume run --epochs 2 --max-steps 314"),
        ("model.safetensors", "eval run"),
    ][target.number(2)];
    target.copy("small", "run")?;
    let mut bytes = target.bytes(&format!("run/{file}"))?;
    damage(target, &mut bytes);
    fs::write(target.path("run").join(file), &bytes).map_err(|error| error.to_string())?;
    let ended = target.run(command)?;
    let says_earlier = ended.stderr.contains("earlier version"); // the checksum's own name was hit: nothing else is damaged
    let accepted = ended.code == Some(0) && !says_earlier;
    Ok(ended.misbehaviour().or_else(|| accepted.then(|| format!("a damaged {file} was accepted"))))
}

/// Commands that need memory.
const COMMANDS: [&str; 8] = [
    "fit --dataset digits --hidden 1024,512 --time-limit 5",
    "train --dataset digits --hidden 1024,512 --max-steps 3 --out run --overwrite",
    "train --dataset digits --hidden 512 --batch-size auto --max-steps 3 --out run --overwrite",
    "train --resume run --max-steps 315 --epochs 2",
    "sweep --dataset digits --hidden 512 --batch-sizes 16,512,4096 --seconds 0.1",
    "eval small",
    "predict small --random",
    "plan --dataset digits",
];

fn container(target: &mut Target) -> Result<Option<String>> {
    let limit = CONTAINERS[target.number(CONTAINERS.len())];
    let group = Path::new(CGROUP);
    let failed = |error| format!("{CGROUP}: {error}");
    fs::write(group.join("memory.limit_in_bytes"), (limit << 20).to_string()).map_err(failed)?;
    in_little_memory(target, limit, &format!("echo $$ > {CGROUP}/cgroup.procs"))
}

fn address_space(target: &mut Target) -> Result<Option<String>> {
    let limit = CONTAINERS[target.number(CONTAINERS.len())];
    in_little_memory(target, limit, &format!("ulimit -v {}", limit << 10))
}

fn in_little_memory(target: &mut Target, limit: usize, how: &str) -> Result<Option<String>> {
    target.copy("small", "run")?;
    let command = COMMANDS[target.number(COMMANDS.len())];
    let ended = target.run_limited(how, command)?;
    Ok(ended.misbehaviour().map(|broken| format!("`{command}` in {limit} MiB: {broken}")))
}

fn refused_threads(target: &mut Target) -> Result<Option<String>> {
    let most = format!("MOST_THREADS={}", target.number(5));
    target.copy("small", "run")?;
    let command = [
        "train --dataset digits --hidden 16 --max-steps 20 --out run --overwrite",
        "train --resume run --epochs 2",
        "fit --dataset digits --hidden 16 --time-limit 1",
        "sweep --dataset digits --hidden 16 --batch-sizes 64,256 --seconds 0.1",
        "eval small",
        "predict small --random",
    ][target.number(6)];
    let preload = preloaded(target, "threads", FEW_THREADS)?;
    let ended = target.run_behind(&["env", &most, &preload], command)?;
    let broken =
        ended.misbehaviour().or_else(|| (ended.code != Some(0)).then(|| ended.last_line().to_owned()));
    Ok(broken.map(|broken| format!("`{command}` with {most}: {broken}")))
}

fn stopped_clock(target: &mut Target) -> Result<Option<String>> {
    let command = [
        "fit --dataset digits --hidden 16",
        "sweep --dataset digits --hidden 16 --batch-sizes 64,256 --seconds 0.1",
        "train --dataset digits --hidden 16 --max-steps 20 --out run --overwrite",
    ][target.number(3)];
    let preload = preloaded(target, "clock", STOPPED_CLOCK)?;
    let ended = target.run_behind(&["env", &preload], command)?;
    Ok(ended.misbehaviour())
}

/// Compiles a library, unless that was done, and returns the variable that puts it before the system's.
fn preloaded(target: &Target, name: &str, source: &str) -> Result<String> {
    let (file, library) = (target.path(&format!("{name}.c")), target.path(&format!("{name}.so")));
    if !library.exists() {
        fs::write(&file, source).map_err(|error| format!("{}: {error}", file.display()))?;
        let mut cc = std::process::Command::new("cc");
        let compiled = cc.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&file).arg("-ldl").status();
        if !compiled.is_ok_and(|status| status.success()) {
            return Err("cc cannot compile a shared library".to_owned());
        }
    }
    Ok(format!("LD_PRELOAD={}", library.display()))
}

/// Resumes a run to its end, or begins it if it had not begun, and compares its model with the undisturbed one's.
fn completed(target: &Target, out: &str, arguments: &str, whole: &str) -> Result<Option<String>> {
    let begun = target.path(out).join("config.toml").exists() || target.path(out).join(".new-run").exists();
    let ended = match begun {
        true => target.run(&format!("train --resume {out}"))?,
        false => target.run(&format!("{arguments} --out {out}"))?,
    };
    if ended.code != Some(0) {
        return Ok(Some(format!("cannot be completed: {}", ended.last_line())));
    }
    for file in ["model.safetensors", "checkpoint.safetensors", "config.toml"] {
        if target.bytes(&format!("{out}/{file}"))? != target.bytes(&format!("{whole}/{file}"))? {
            return Ok(Some(format!("{file} has other bytes")));
        }
    }
    let names = |folder: &str| -> BTreeSet<_> {
        let entries = fs::read_dir(target.path(folder)).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name()).collect()
    };
    let left = names(out).difference(&names(whole)).next().cloned();
    Ok(left.map(|name| format!("{} is left", name.display())))
}

/// A control group for the program alone.
const CGROUP: &str = "/sys/fs/cgroup/memory/plangrad-attack";

fn nothing(_: &Target) -> Option<&'static str> {
    None
}

fn without_strace(target: &Target) -> Option<&'static str> {
    let works = target.run_behind(&["strace", "-qq", "-o", "/dev/null"], "--version");
    (!works.is_ok_and(|ended| ended.code == Some(0))).then_some("strace")
}

fn without_cgroup(_: &Target) -> Option<&'static str> {
    let _ = fs::create_dir(CGROUP);
    let there = Path::new(CGROUP).join("memory.limit_in_bytes").exists();
    (!there).then_some("a control group that limits memory")
}

fn without_compiler(_: &Target) -> Option<&'static str> {
    (!crate::command::exists("cc", &["--version"])).then_some("cc")
}
