//! Runs the bodies of the fuzz targets on the committed corpus with stable Rust, so that earlier findings stay fixed.

#[path = "../../../fuzz/src/replay.rs"]
mod replay;
#[expect(unreachable_pub, reason = "public to the fuzz targets")]
#[path = "../../../fuzz/src/formats.rs"]
mod targets;

#[test]
fn every_target_holds_on_its_corpus() {
    replay::whole(&targets::TARGETS);
}

#[test]
fn every_target_holds_on_every_prefix_of_its_corpus() {
    replay::prefixes(&targets::TARGETS);
}
