//! Every kernel of the launch list, on every device that is fed with it.

mod bench;
mod kernels;
