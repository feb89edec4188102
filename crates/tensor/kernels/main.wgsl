// The entry point. A launch's parameters begin with the number of its jobs and four words for each: its first workgroup, how many
// it has, its kind, and where its own parameters begin.

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) number_in_group: u32,
) {
    thread = number_in_group;
    let block = group.y * groups.x + group.x;
    var at = 1u;
    for (var i = 1u; i < word(0u) && block >= word(4u * i + 1u); i++) {
        at = 4u * i + 1u;
    }
    let share = Share(block - word(at), word(at + 1u));
    let p = word(at + 3u);
    // A grid of two dimensions may have a few too many.
    if (share.block >= share.blocks) {
        return;
    }GUARD
    switch (word(at + 2u)) {
CASES        default: {}
    }
}
