//! Every module that a launch can need is valid, and can be translated to what each system takes.

use std::io::Write;
use std::process::{Command, Stdio};

use naga::back::{hlsl, msl, spv};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};

use super::super::shader::{Module, Windows};
use crate::backend::launch::kernels::Kind;
use crate::backend::launch::tile::Tile;

/// Each kernel alone, and all that a launch may have side by side, with every way to cut products and to see an arena.
fn modules() -> Vec<Module> {
    let alone = Kind::ALL.iter().map(|&kind| vec![kind]);
    let gathers = |kind: &Kind| matches!(kind, Kind::Gather | Kind::GatherTargets);
    let several = [Windows::Whole, Windows::Several { count: 4, bytes: 128 << 20 }];
    let module = |kinds: Vec<Kind>, tile, windows| {
        let gathers = kinds.iter().any(gathers);
        Module { kinds, tile, windows, gathers }
    };
    let of_tile = |tile| {
        let kinds = alone.clone().chain([Kind::ALL.to_vec()]);
        kinds
            .flat_map(move |kinds| several.map(|windows| module(kinds.clone(), tile, windows)))
            .collect::<Vec<_>>()
    };
    let of_sliced = [vec![Kind::Gemm], Kind::ALL.to_vec()];
    let sliced = of_sliced
        .into_iter()
        .flat_map(|kinds| several.map(|windows| module(kinds.clone(), Tile::Sliced, windows)));
    of_tile(Tile::Medium).into_iter().chain(sliced).collect()
}

fn valid(text: &str, name: &str) -> (naga::Module, ModuleInfo) {
    let module = naga::front::wgsl::parse_str(text);
    let module = module.unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(text)));
    let validated = Validator::new(ValidationFlags::all(), Capabilities::empty()).validate(&module);
    let info = validated.unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(text)));
    (module, info)
}

/// What Khronos's validator says of a module; `None` without it.
fn spirv_val(words: &[u32]) -> Option<Result<(), String>> {
    let start = Command::new("spirv-val")
        .args(["--target-env", "vulkan1.1", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut validator = start.ok()?;
    validator.stdin.take()?.write_all(bytemuck::cast_slice(words)).ok()?;
    let output = validator.wait_with_output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    Some(if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&text).into_owned()) })
}

#[test]
fn every_module_is_valid_and_is_spirv_msl_and_hlsl() {
    let mut checked = 0;
    for of_launch in modules() {
        let name = format!("{of_launch:?}");
        let (module, info) = valid(&of_launch.text(), &name);
        let words = spv::write_vec(&module, &info, &spv::Options::default(), None).unwrap();
        match spirv_val(&words) {
            Some(result) => {
                result.unwrap_or_else(|report| panic!("{name}: {report}"));
                checked += 1;
            }
            None => assert!(std::env::var_os("PLANGRAD_CI").is_none(), "there is no spirv-val"),
        }
        let options = msl::Options { lang_version: (2, 4), ..msl::Options::default() };
        let (text, _) =
            msl::write_string(&module, &info, &options, &msl::PipelineOptions::default()).unwrap();
        assert!(text.contains("kernel void"), "{name}: {text}");
        let mut text = String::new();
        let (options, pipeline) = (hlsl::Options::default(), hlsl::PipelineOptions::default());
        hlsl::Writer::new(&mut text, &options, &pipeline).write(&module, &info, None).unwrap();
        assert!(text.contains("numthreads(256, 1, 1)"), "{name}: {text}");
    }
    if checked == 0 {
        eprintln!("SKIPPED: there is no spirv-val; Debian's package spirv-tools has it");
    }
}
