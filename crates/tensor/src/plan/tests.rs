//! A checker that walks a plan as the threads do and knows of every byte whose value lies there.
//!
//! Every plan that any unit test makes passes through it ([`Plan::new`] calls it in test builds); the tests below send
//! random networks, and damaged plans to see that it notices.

use proptest::prelude::*;

use super::*;
use crate::ir::kernel::{Constant, ConstantData, InPlace};
use crate::ir::{ALIGNMENT, Access, ParameterId, Slot};
use crate::testing::net::nets;

/// Panics unless `plan` can be run: see the messages.
pub(super) fn assert_sound(plan: &Plan) {
    if let Err(fault) = check(plan) {
        panic!("{fault} in {:#?}", plan.describe());
    }
}

fn check(plan: &Plan) -> Result<(), String> {
    let mut memory = Memory { plan, owners: vec![None; plan.bytes()] };
    for stage in plan.stages.iter() {
        stage.iter().try_for_each(|kernel| memory.check_sizes(kernel))?;
        stage.iter().try_for_each(|kernel| memory.check_reads(kernel))?;
        for (i, kernel) in stage.iter().enumerate() {
            memory.check_operands(kernel)?;
            stage[..i].iter().try_for_each(|other| memory.check_side_by_side(kernel, other))?;
        }
        stage.iter().for_each(|kernel| memory.write(kernel));
    }
    let outputs = plan.outputs.values().map(|&(value, _)| value);
    outputs.filter(|&value| memory.transient(value)).try_for_each(|value| memory.check_holds(value))
}

/// Whose value each byte of the arena holds, as far as this run has written it.
struct Memory<'p> {
    plan: &'p Plan,
    owners: Vec<Option<Value>>,
}

impl Memory<'_> {
    fn transient(&self, value: Value) -> bool {
        matches!(self.plan.buffers[value.index()].place, Place::Transient(_))
    }

    /// Where a value lies in the arena.
    fn extent(&self, value: Value) -> Extent {
        match self.plan.buffers[value.index()].place {
            Place::Persistent(extent) => extent,
            Place::Transient(extent) => Extent { offset: self.plan.state.bytes() + extent.offset, ..extent },
        }
    }

    fn bytes(&self, value: Value) -> &[Option<Value>] {
        let extent = self.extent(value);
        &self.owners[extent.offset..extent.end()]
    }

    /// A kernel touches as many bytes of each operand as were reserved for it, at an aligned place.
    fn check_sizes(&self, kernel: &Kernel) -> Result<(), String> {
        if matches!(kernel, Kernel::Map(map) if map.shape.elements() == 0) {
            return Ok(()); // nothing is touched, whatever the operands hold
        }
        for (value, elements) in footprint(kernel) {
            let extent = self.extent(value);
            let bytes = elements * self.plan.metas[value.index()].dtype.size();
            if extent.bytes != bytes {
                return Err(format!(
                    "{kernel} touches {bytes} bytes of {value:?}, which has {}",
                    extent.bytes
                ));
            }
            if extent.end() > self.plan.bytes()
                || self.transient(value) && !extent.offset.is_multiple_of(ALIGNMENT)
            {
                return Err(format!("{value:?} of {kernel} lies at {extent:?}"));
            }
        }
        Ok(())
    }

    fn check_reads(&self, kernel: &Kernel) -> Result<(), String> {
        for (_, value) in kernel.accesses().into_iter().filter(|(access, _)| access.reads()) {
            if self.transient(value) {
                self.check_holds(value)?;
            } else {
                self.check_slot(kernel, value)?;
            }
        }
        Ok(())
    }

    /// A temporary was written in this run, and no byte of it has been overwritten since.
    fn check_holds(&self, value: Value) -> Result<(), String> {
        match self.bytes(value).iter().find(|&&owner| owner != Some(value)) {
            Some(owner) => Err(format!("{value:?} is read where {owner:?} lies")),
            None => Ok(()),
        }
    }

    /// Gradients were written in this run before they are read; parameters are read before they are written, but by their averages,
    /// which read all of what is new.
    fn check_slot(&self, kernel: &Kernel, value: Value) -> Result<(), String> {
        let group = |slot: fn(ParameterId) -> Slot| {
            let parameters = self.plan.state.parameters().iter();
            parameters.filter_map(move |p| Some(self.plan.state.entry(slot(p.id())).ok()?.extent))
        };
        let extent = self.extent(value);
        let within = |part: Extent| part.overlaps(&extent);
        if group(Slot::Gradient).any(within) && self.bytes(value).contains(&None) {
            return Err(format!("{kernel} reads a gradient of an earlier step"));
        }
        let averages = |(access, value): (Access, Value)| {
            let written = self.extent(value);
            access.writes() && group(Slot::Average).any(|average| average.overlaps(&written))
        };
        if kernel.accesses().into_iter().any(averages) {
            let is_new = !group(Slot::Parameter).any(within) || self.bytes(value).iter().all(Option::is_some);
            return if is_new {
                Ok(())
            } else {
                Err(format!("{kernel} averages a parameter before its update"))
            };
        }
        if group(Slot::Parameter).any(within) && self.bytes(value).iter().any(Option::is_some) {
            return Err(format!("{kernel} reads a parameter after its update"));
        }
        Ok(())
    }

    /// No kernel writes over what it reads, except in place.
    fn check_operands(&self, kernel: &Kernel) -> Result<(), String> {
        let (accesses, in_place) = (kernel.accesses(), kernel.in_place());
        let may_share = |result: Value, operand: Value| {
            in_place.contains(&InPlace { operand, result }) && self.extent(result) == self.extent(operand)
        };
        for (i, &(access, value)) in accesses.iter().enumerate().filter(|(_, (access, _))| access.writes()) {
            let others = accesses.iter().enumerate().filter(|&(j, _)| j != i).map(|(_, &(_, other))| other);
            let mut others = others.into_iter().filter(|&other| !may_share(value, other));
            if let Some(other) = others.find(|&other| self.share_bytes(value, other)) {
                return Err(format!("{kernel} has {access:?} of {value:?} over {other:?}"));
            }
        }
        Ok(())
    }

    /// Neither of two kernels of a stage writes what the other touches.
    fn check_side_by_side(&self, kernel: &Kernel, other: &Kernel) -> Result<(), String> {
        for (access, value) in kernel.accesses() {
            for (other_access, other_value) in other.accesses() {
                let writes = access.writes() || other_access.writes();
                if writes && self.share_bytes(value, other_value) {
                    return Err(format!("{kernel} and {other} meet in {value:?} and {other_value:?}"));
                }
            }
        }
        Ok(())
    }

    fn share_bytes(&self, a: Value, b: Value) -> bool {
        let (a, b) = (self.extent(a), self.extent(b));
        a.bytes > 0 && b.bytes > 0 && a.overlaps(&b)
    }

    fn write(&mut self, kernel: &Kernel) {
        for (_, value) in kernel.accesses().into_iter().filter(|(access, _)| access.writes()) {
            let extent = self.extent(value);
            self.owners[extent.offset..extent.end()].fill(Some(value));
        }
    }
}

/// How many elements of each operand a kernel touches.
fn footprint(kernel: &Kernel) -> Vec<(Value, usize)> {
    let mut touched = Vec::new();
    kernel.clone().operands(&mut |_, value, elements| touched.push((*value, elements)));
    touched
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn no_value_is_read_before_it_is_written_or_after_it_is_overwritten(
        net in nets(), batch_size in 1usize..70,
    ) {
        prop_assert_eq!(check(&net.training_plan(batch_size)), Ok(()));
        prop_assert_eq!(check(&net.evaluation_plan(batch_size).0), Ok(()));
    }
}

fn mnist() -> Plan {
    let net = crate::testing::net::Net::classifier(&[784], &[128, 64], 10);
    net.training_plan(32)
}

fn stages(plan: &mut Plan) -> &mut Vec<Vec<Kernel>> {
    Arc::make_mut(&mut plan.stages)
}

fn fault(plan: &Plan) -> String {
    check(plan).expect_err("the damage is noticed")
}

#[test]
fn the_checker_notices_two_values_in_one_place() {
    let sound = mnist();
    let temporaries: Vec<usize> = (0..sound.buffers.len())
        .filter(|&i| matches!(sound.buffers[i].place, Place::Transient(e) if e.bytes >= 32 * 64 * 4))
        .collect();
    let mut noticed = 0;
    for &i in &temporaries {
        for &j in temporaries.iter().filter(|&&j| j != i) {
            let mut plan = sound.clone();
            let (Place::Transient(from), Place::Transient(to)) =
                (plan.buffers[i].place, plan.buffers[j].place)
            else {
                unreachable!("only temporaries were picked")
            };
            plan.buffers[i].place = Place::Transient(Extent { offset: to.offset, ..from });
            let overlaps_more = from.offset != to.offset;
            noticed += usize::from(overlaps_more && check(&plan).is_err());
        }
    }
    assert!(noticed > temporaries.len(), "{noticed} of {} moves", temporaries.len().pow(2));
}

#[test]
fn the_checker_notices_an_update_before_the_last_reader_of_the_weight() {
    let mut plan = mnist();
    let update = stages(&mut plan).pop().expect("the update stands last");
    let last_gradient = stages(&mut plan).pop().expect("the first layer's gradient stands before it");
    stages(&mut plan).push(update);
    stages(&mut plan).push(last_gradient);
    assert!(fault(&plan).contains("reads a gradient of an earlier step"));

    let mut plan = mnist();
    let update = stages(&mut plan).pop().expect("the update stands last");
    let loss =
        plan.stages.iter().position(|stage| stage.iter().any(|k| matches!(k, Kernel::CrossEntropy(_))));
    let turn = plan.stages.iter().rposition(|stage| stage.iter().any(|k| matches!(k, Kernel::Permute(_))));
    assert!(turn > loss, "a weight is read in the backward pass");
    let gradient = update.iter().find_map(|kernel| match kernel {
        Kernel::Update(k) => Some(k.gradient),
        _ => None,
    });
    // With its gradients made up beforehand the update is at fault for the weight alone.
    let elements = 784 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10;
    let output = gradient.expect("there is an update");
    stages(&mut plan).insert(0, vec![Constant { output, data: ConstantData::Fill(0.0, elements) }.into()]);
    stages(&mut plan).insert(turn.expect("there is one") + 1, update);
    assert!(fault(&plan).contains("reads a parameter after its update"));
}

#[test]
fn the_checker_notices_a_missing_barrier_and_a_missing_kernel() {
    let sound = mnist();
    for i in 0..sound.stages.len() - 1 {
        let mut plan = sound.clone();
        let next = stages(&mut plan).remove(i + 1);
        stages(&mut plan)[i].extend(next);
        assert!(check(&plan).is_err(), "stages {i} and {} in one", i + 1);

        let mut plan = sound.clone();
        stages(&mut plan).remove(i);
        assert!(check(&plan).is_err(), "without stage {i}");
    }
}

#[test]
fn the_checker_notices_a_kernel_larger_than_its_buffers() {
    let mut plan = mnist();
    for kernel in stages(&mut plan).iter_mut().flatten() {
        if let Kernel::Gather(gather) = kernel {
            gather.samples.rows += 1;
        }
    }
    assert!(fault(&plan).contains("touches 103488 bytes"));
}

/// Each layer's gradient is asked for, and its parameters updated, before the next lower layer's.
#[test]
fn updates_wait_for_the_last_reader_in_whatever_order_a_step_is_recorded() {
    let net = crate::testing::net::Net::classifier(&[20], &[30, 40], 5);
    let graph = Graph::new();
    let optimizer = net.optimizer;
    graph.advance(optimizer, crate::Schedule::Constant { learning_rate: 0.1 }).unwrap();
    let parameters = net.parameters();
    let variables: Vec<Tensor<'_>> = parameters.iter().map(|p| graph.parameter(p).unwrap()).collect();
    let mut x = graph.samples(&net.format(), 8).unwrap();
    for pair in variables.chunks(2) {
        x = x.matmul(pair[0]).unwrap().add(pair[1]).unwrap().tanh().unwrap();
    }
    let loss = x.cross_entropy(graph.targets(net.targets(), 8).unwrap()).unwrap();
    for (parameter, variable) in parameters.iter().zip(&variables).rev() {
        let gradient = graph.gradients(loss, &[*variable]).unwrap()[0];
        graph.update(optimizer, parameter, gradient).unwrap();
    }
    let plan = Plan::new(&graph, &net.state(), &[]).unwrap();
    assert_sound(&plan);
    let stages = plan.describe();
    let total = net.parameter_count();
    assert_eq!(stages.last().unwrap(), &[format!("update {total}")], "one kernel, after all others");
}

#[test]
fn a_bias_on_a_reshaped_product_is_not_fused() {
    let graph = Graph::new();
    let a = graph.constant(ndarray::Array2::<f32>::from_shape_fn((4, 3), |(i, j)| (i + j) as f32)).unwrap();
    let b = graph.constant(ndarray::Array2::<f32>::from_shape_fn((3, 6), |(i, j)| (i * j) as f32)).unwrap();
    let row = graph.constant(ndarray::Array1::from_shape_fn(12, |i| 100.0 * i as f32)).unwrap();
    let y = a.matmul(b).unwrap().reshape(&[2, 12]).unwrap().add(row).unwrap();
    let reference = crate::reference::Interpreter::new().run(&graph, &[y]).unwrap().remove(0);
    assert_eq!(crate::eval(y).unwrap(), reference.mapv(|x| x as f32));
}

/// What becomes of one layer whose product goes through `rest`.
fn stages_of(
    rest: impl for<'g> Fn(Tensor<'g>, Tensor<'g>, Tensor<'g>) -> Result<Tensor<'g>, Error>,
) -> Vec<String> {
    let graph = Graph::new();
    let number = |i, j| graph.constant(ndarray::Array2::<f32>::zeros((i, j))).unwrap();
    let (a, b, residual) = (number(4, 3), number(3, 6), number(4, 6));
    let row = graph.constant(ndarray::Array1::<f32>::zeros(6)).unwrap();
    let y = rest(a.matmul(b).unwrap(), row, residual).unwrap();
    let state = State::inference(&crate::Parameters::new()).unwrap();
    let kernels = Plan::new(&graph, &state, &[y]).unwrap().describe().concat();
    kernels.into_iter().filter(|kernel| kernel != "constant").collect()
}

#[test]
fn a_product_takes_a_bias_and_two_formulas_and_no_more() {
    let fused =
        |rest: for<'g> fn(Tensor<'g>, Tensor<'g>, Tensor<'g>) -> Result<Tensor<'g>, Error>| stages_of(rest);
    assert_eq!(fused(|x, _, _| x.gelu()), ["gemm 4×3×6, gelu"]);
    assert_eq!(fused(|x, row, _| x.add(row)?.tanh()), ["gemm 4×3×6 + bias, tanh"]);
    assert_eq!(
        fused(|x, row, residual| residual.add(x.add(row)?)?.relu()),
        ["gemm 4×3×6 + bias, residual, relu"]
    );
    let three = fused(|x, _, _| x.relu()?.tanh()?.sigmoid());
    assert_eq!(three, ["gemm 4×3×6, relu, tanh", "Sigmoid [4, 6]"]);
    // What reads the product twice, or after something else has, is left alone.
    assert_eq!(fused(|x, _, _| x.mul(x)), ["gemm 4×3×6", "Mul [4, 6]"]);
    assert_eq!(fused(|x, _, _| x.tanh()?.mul(x)), ["gemm 4×3×6", "Tanh [4, 6]", "Mul [4, 6]"]);
    assert_eq!(fused(|x, row, _| row.sub(x)), ["gemm 4×3×6", "Sub [4, 6]"]);
}
