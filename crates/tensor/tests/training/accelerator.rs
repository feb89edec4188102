//! A device with its own memory: datasets are copied there, or their batches are; either way every byte is counted, and
//! the bits are those of the host.

use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
use plangrad_tensor::{Backend, Category, DType, Device, Error, Graph, Metrics, Plan, Session, Source};
use proptest::prelude::*;

use crate::net::{Loss, Net, cpu, mixed_rows, nets, number_types};

fn accelerator(budget: Option<u64>) -> Backend {
    Cpu::open(CpuOptions::default().threads(2).budget(budget).accelerator(true)).unwrap()
}

/// Parameters and sums after running `rows` in batches of `size`.
fn train(
    net: &Net,
    mut session: Session,
    source: &Source,
    rows: &[u32],
) -> Result<(Vec<u32>, Metrics), Error> {
    net.initialise(&mut session);
    session.run(0, &source.batches(rows)?)?;
    let parameters = net.parameters();
    let values = parameters.iter().flat_map(|p| session.parameter(p.id()).unwrap());
    Ok((values.map(f32::to_bits).collect(), session.metrics().unwrap()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn resident_staged_and_host_data_lead_to_the_same_bits(
        net in nets(), number_types in number_types(), size in 1usize..9, steps in 1usize..7,
    ) {
        let net = Net { number_types, ..net };
        let (plan, mut source) = (net.training_plan(size), net.source(2 * size + 1));
        let rows = mixed_rows(size * steps, source.len()); // more than the dataset has room to order, at times
        let on_host = train(&net, Session::new(&cpu(1), vec![plan.clone()])?, &source, &rows)?;

        let device = accelerator(None);
        let staged = Session::streaming(&device, vec![plan.clone()])?;
        prop_assert_eq!(staged.planned(), Session::streaming_report(std::slice::from_ref(&plan)));
        prop_assert_eq!(staged.planned().total(), device.memory().reserved);
        let (pixels, targets) = (size * net.sample.iter().product::<usize>() * net.dtype.size(), size * target_bytes(&net));
        let staging = staged.planned().get(Category::Batch) - plan.report().get(Category::Batch);
        prop_assert_eq!(staging, 2 * (pixels + targets) as u64);
        prop_assert_eq!(&train(&net, staged, &source, &rows)?, &on_host);
        prop_assert_eq!(device.memory().reserved, 0);

        source.upload(&device)?;
        prop_assert!(source.is_resident(&device) && !source.is_resident(&accelerator(None)));
        let dataset = source.resident_report();
        let len = source.len();
        let held = len * net.sample.iter().product::<usize>() * net.dtype.size() + len * target_bytes(&net) + 4 * len;
        prop_assert_eq!(dataset.get(Category::Dataset), held as u64);
        prop_assert_eq!(dataset.total(), device.memory().reserved);
        let resident = Session::new(&device, vec![plan.clone()])?;
        prop_assert_eq!(device.memory().reserved, dataset.plus(&plan.report()).total());
        prop_assert_eq!(&train(&net, resident, &source, &rows)?, &on_host);

        source.evict();
        prop_assert_eq!(device.memory().reserved, 0);
    }
}

fn target_bytes(net: &Net) -> usize {
    if net.loss == Loss::CrossEntropy { 1 } else { 4 * net.outputs }
}

fn net() -> Net {
    Net { dtype: DType::U8, ..Net::classifier(&[12], &[8], 3) }
}

#[test]
fn a_dataset_that_does_not_fit_is_refused_and_stays_on_the_host() {
    let mut source = net().source(100);
    let bytes = source.resident_report().total();
    let error = source.upload(&accelerator(Some(bytes - 1))).unwrap_err();
    let Error::OutOfMemory { device, requested, free, total, report } = error else { panic!("{error}") };
    assert_eq!((device, requested, free, total), (Device::Accelerator, bytes, bytes - 1, bytes - 1));
    assert_eq!((report.get(Category::Dataset), bytes), (100 * (12 + 1 + 4), 1216 + 128 + 448));

    let device = accelerator(Some(bytes));
    assert!(!source.is_resident(&device));
    source.upload(&device).unwrap();
    source.upload(&device).unwrap(); // it is there already
    assert_eq!(device.memory().reserved, bytes);
}

#[test]
fn a_plan_that_reads_samples_alone_is_staged_without_targets() {
    let (net, source) = (net(), net().source(10));
    let graph = Graph::new();
    let samples = graph.samples(&net.format(), 5).unwrap();
    let plan = Plan::new(&graph, &net.state(), &[samples]).unwrap();
    let read = |mut session: Session| {
        session.run(0, &source.batches(&[9, 1, 0, 4, 4]).unwrap()).unwrap();
        session.read(0, samples.id()).unwrap()
    };
    let on_host = read(Session::new(&cpu(1), vec![plan.clone()]).unwrap());
    assert_eq!(read(Session::streaming(&accelerator(None), vec![plan]).unwrap()), on_host);
}

#[test]
fn a_session_without_room_for_batches_refuses_a_dataset_that_is_not_in_its_memory() {
    let (net, source) = (net(), net().source(10));
    let mut session = Session::new(&accelerator(None), vec![net.training_plan(5)]).unwrap();
    let refused = session.run(0, &source.batches(&[0, 1, 2, 3, 4]).unwrap()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the dataset is not in the memory of accelerator; upload it there, or make a streaming session"
    );
    assert_eq!(session.metrics().unwrap(), Metrics::default());
}

#[test]
fn a_batch_larger_than_the_order_has_room_for_is_refused() {
    let (net, mut source) = (net(), net().source(10));
    let device = accelerator(None);
    source.upload(&device).unwrap();
    let mut session = net.session(&device, vec![net.training_plan(64)]);
    let rows = mixed_rows(64, 10);
    let refused = session.run(0, &source.batches(&rows).unwrap()).unwrap_err();
    assert!(matches!(refused, Error::OrderRoom { room: 10, batch_size: 64 }), "{refused}");
    source.upload_for(&device, 64).unwrap();
    session.run(0, &source.batches(&rows).unwrap()).unwrap();
}

/// A worker that waits for a gang takes up other work of its pool, which may want the same dataset.
#[test]
fn sessions_with_one_resident_dataset_can_be_run_from_the_tasks_of_another_pool() {
    let (net, mut source, device) = (net(), net().source(30), accelerator(None));
    source.upload(&device).unwrap();
    let (plan, rows) = (net.training_plan(6), mixed_rows(240, 30));
    let train = || train(&net, Session::new(&device, vec![plan.clone()]).unwrap(), &source, &rows).unwrap();
    let alone = train();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    pool.scope(|scope| (0..12).for_each(|_| scope.spawn(|_| assert_eq!(train(), alone))));
}

#[test]
fn a_device_that_reads_host_memory_takes_no_copy_and_no_room_for_batches() {
    let (host, mut source) = (cpu(1), net().source(10));
    source.upload(&host).unwrap();
    assert!(!source.is_resident(&host));
    let plan = net().training_plan(5);
    let session = Session::streaming(&host, vec![plan.clone()]).unwrap();
    assert_eq!((session.planned(), host.memory().reserved), (plan.report(), plan.bytes() as u64));
}

#[test]
fn a_batch_larger_than_the_dataset_takes_its_samples_again_where_there_is_room_for_their_order() {
    let (net, mut source) = (net(), net().source(10));
    let (plan, rows) = (net.training_plan(64), mixed_rows(128, 10));
    let on_host = train(&net, net.session(&cpu(1), vec![plan.clone()]), &source, &rows).unwrap();

    let device = accelerator(None);
    source.upload(&device).unwrap();
    assert_eq!(device.memory().reserved, source.resident_report().total());
    source.upload_for(&device, 64).unwrap(); // there is room for the order of ten rows, which does not suffice
    let format = net.format();
    let report = Source::resident_report_for(&format, net.targets(), 10, 64);
    assert_eq!(device.memory().reserved, report.total());
    assert_eq!(report.get(Category::Dataset), 10 * (12 + 1) + 64 * 4);
    assert_eq!(Source::resident_report_for(&format, net.targets(), 10, 3), source.resident_report());
    source.upload_for(&device, 20).unwrap(); // there is room for more already
    assert_eq!(device.memory().reserved, report.total());

    let session = Session::new(&device, vec![plan]).unwrap();
    assert_eq!(train(&net, session, &source, &rows).unwrap(), on_host);
}

#[test]
fn a_dataset_larger_than_any_memory_is_reported_as_such() {
    let net = net();
    for (len, rows) in
        [(usize::MAX, 1), (1, usize::MAX), (usize::MAX / 2, 1), (usize::MAX / 12, usize::MAX / 4)]
    {
        let report = Source::resident_report_for(&net.format(), net.targets(), len, rows);
        assert!(report.total() >= isize::MAX as u64 / 2, "{len} {rows}: {report:?}");
    }
}
