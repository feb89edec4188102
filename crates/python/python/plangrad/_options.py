"""Options of the commands. `cargo xtask python --write` makes this file of the program's help."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal, TypedDict

Path = str | os.PathLike[str]


class PlanOptions(TypedDict, total=False):
    """Options of ``plangrad plan``."""

    batch_sizes: int | Sequence[int] | None
    """Samples per step: one row for each"""
    accumulate: int | None
    """Batches taken in N parts, as by `train --accumulate N`"""
    explain: bool | None
    """The formula behind each figure"""
    compare: bool | None
    """The figures of torchsummary, torchinfo, Keras and accelerate"""
    owners: int | None
    """How a step is shared by so many threads of the CPU: who has how much of each kernel, where they meet, and how many
    bytes change hands"""
    levers: bool | None
    """What one lever after another saves: updates within products, samples read in place, recomputation, parts; for the
    first batch size, and with a budget the largest batch"""
    trades: Path | None
    """Draw how few bytes a step can take with how much arithmetic, for the first batch size: FILE.svg or FILE.png"""
    timeline: Path | Sequence[Path] | None
    """Draw which buffers are alive when and where, for the first batch size: FILE.svg, FILE.png, or - for the terminal;
    may be given several times"""
    dataset: str | None
    """mnist, fashion-mnist, kmnist, qmnist, emnist-letters (-balanced, -digits, …), cifar10, cifar100, digits; or your
    own: csv:FILE (a table; - is standard input), folder:DIR (images), idx:DIR, npz:FILE [default: mnist if it is in the
    data folder, else the built-in digits]"""
    data_dir: Path | None
    """Folder with the datasets [default: data]"""
    normalize: Literal["dataset", "half", "none"] | None
    """How values are normalised: by the dataset's mean and standard deviation, (x − 0.5) / 0.5, or not at all"""
    label: str | None
    """Tables: name of the label column [default: the last]"""
    test_fraction: float | None
    """Tables, and folders of images without a test folder: share kept for testing, may be 0 [default: 0.2]"""
    validation_fraction: float | None
    """Share of the training part that is kept to evaluate a network on while it learns; the test part is then used once,
    at the end. A hash of each sample decides, so equal samples are on the same side [default: 0]"""
    labels: Literal["fine", "coarse"] | None
    """cifar100: the hundred fine or the twenty coarse classes [default: fine]"""
    separator: str | None
    """What separates cells: , ; | or tab [default: recognised]"""
    decimal: str | None
    """What separates decimals: . or , [default: recognised]"""
    encoding: str | None
    """Encoding, such as utf-8, utf-16le, gbk or windows-1252 [default: recognised]"""
    no_header: bool | None
    """The first row is data: columns are called column1, column2, …"""
    features: str | Sequence[str] | None
    """Columns to learn from [default: all but the label]"""
    drop: str | Sequence[str] | None
    """Columns to leave out"""
    one_hot: int | Literal["auto"] | Literal["none"] | None
    """Columns of text become an input for each of their texts: auto (up to 64 texts), none, or up to N [default: auto]"""
    missing: Literal["error"] | Literal["drop"] | Literal["mean"] | None
    """Cells without a value: an error, their rows left out (drop), or the column's mean [default: error]"""
    missing_values: str | Sequence[str] | None
    """Texts that stand for no value, besides an empty cell [default: NA, NaN, null, None, ? and others]"""
    target_scale: Literal["auto"] | Literal["none"] | None
    """With --loss mse: the numbers to predict are standardised for the network, unless --normalize is none (auto), or left
    as they are (none); losses and predictions have the units of the file either way [default: auto]"""
    image_size: str | None
    """folder: height and width to which images are brought [default: theirs, if all have the same]"""
    channels: int | None
    """folder: 1 for grey, 3 for colours [default: 1 if all images are grey, else 3]"""
    fit: Literal["pad", "crop", "stretch"] | None
    """folder: how images of other proportions are brought to the size: black beside them, the overhang cut off, or
    stretched [default: pad]"""
    cache: Path | None
    """folder: keep the decoded images in this file, and read them from there the next time"""
    hidden: int | Sequence[int] | None
    """Units of each hidden layer, or `none` for a linear model"""
    activation: Literal["relu", "tanh", "sigmoid", "gelu"] | None
    """Activation after each hidden layer"""
    dropout: float | None
    """Share of hidden units dropped at random in each training step"""
    network: Path | None
    """The network from a file, as a list of layers: linear, relu, batch_norm, residual, parallel and others; or that of
    the run in a folder"""
    loss: Literal["cross-entropy", "mse"] | None
    """Loss to minimise: cross-entropy for classes, mse for the numbers of a table's label column"""
    seed: int | None
    """Seed that chooses the test rows of a table, and the samples of the validation part"""
    input: Sequence[int] | None
    """Samples of this shape instead of a dataset's: channels, height, width, or any other"""
    classes: int | None
    """Number of classes, with --input"""
    optimizer: Literal["sgd", "adam", "adamw"] | None
    """Optimizer"""
    momentum: float | None
    """Momentum of sgd; any but 0 keeps one more number per parameter [default: 0]"""
    eval_batch_size: int | None
    """Samples per evaluation batch [default: as many of 1000 as fit into the memory of training]"""
    keep_gradients: bool | None
    """Keep the gradients of a step in memory, as other programs do. Without it the cpu updates a weight where its gradient
    is computed; the result is the same, bit for bit"""
    keep_inputs: bool | None
    """Gather the samples of a batch into memory of its own, normalised, as other programs do. Without it the cpu
    normalises them where it multiplies them; the result is the same, bit for bit"""
    recompute: Literal["none", "auto", "all"] | None
    """Compute activations again in the backward pass instead of keeping them: none; auto, as little as it takes for a step
    to fit; all, for the least memory. The result is the same, bit for bit [default: none]"""
    class_weights: Literal["balanced"] | Sequence[float] | None
    """Weight of each class in the training loss: balanced (rare classes count as much as frequent ones), or a number for
    each class"""
    label_smoothing: float | None
    """Share of each training sample's loss that is spread over all classes"""
    clip_norm: float | None
    """Clip the gradients of a step: where their norm, all together, is larger than this, they are scaled down to it"""
    decay_of: Literal["all", "matrices"] | None
    """What weight decay is for: all parameters, or matrices only, which spares biases and normalisation [default: all]"""
    ema: float | None
    """Keep a running average of the weights, of which each step leaves this share; it is what is evaluated and saved as
    the model"""
    precision: Literal["f32", "tf32", "bf16"] | None
    """Number format: f32; bf16, on the cpu, where activations, inputs and the factors of products are bfloat16 and all
    else is f32; or on GPUs from compute capability 8.0 on tf32, where the factors of large products have 10 bits of
    mantissa"""
    device: str | None
    """Device to plan for: auto, cpu, cuda or cuda:N (which need not exist), or accelerator; all but the cpu have memory of
    their own for the dataset [default: the variable PLANGRAD_DEVICE, else auto]"""
    memory_budget: int | str | None
    """Memory that network, batch and everything between may take, such as 8MiB, or plain bytes [default: the free memory
    of the machine, less a sixteenth of its total, which is left to the system; of a GPU, less 32 MiB or a 512th]"""


class FitOptions(TypedDict, total=False):
    """Options of ``plangrad fit``."""

    method: Literal["solve", "double"] | None
    """How the largest batch is found: solve takes it from the plan and proves it; double tries 16, 32, 64 and so on, as
    lessons do. Both end at the same size"""
    safety: float | None
    """Share of the largest batch that is recommended"""
    max_batch: int | None
    """Try no size beyond this one"""
    synthetic: bool | None
    """Let batches be larger than the dataset, whose samples are then repeated; their order counts against the budget, with
    4 bytes a sample"""
    time_limit: float | None
    """Seconds after which no further size is tried or measured; a size whose step would take longer than the time left is
    not tried. Reading the data and a first step, on up to 16 samples, are not limited"""
    levers: bool | None
    """Find and prove the largest batch with one lever after another, too: updates within products, samples read in place,
    recomputation"""
    no_speed: bool | None
    """Only find the largest batch, and measure no speed"""
    dataset: str | None
    """mnist, fashion-mnist, kmnist, qmnist, emnist-letters (-balanced, -digits, …), cifar10, cifar100, digits; or your
    own: csv:FILE (a table; - is standard input), folder:DIR (images), idx:DIR, npz:FILE [default: mnist if it is in the
    data folder, else the built-in digits]"""
    data_dir: Path | None
    """Folder with the datasets [default: data]"""
    normalize: Literal["dataset", "half", "none"] | None
    """How values are normalised: by the dataset's mean and standard deviation, (x − 0.5) / 0.5, or not at all"""
    label: str | None
    """Tables: name of the label column [default: the last]"""
    test_fraction: float | None
    """Tables, and folders of images without a test folder: share kept for testing, may be 0 [default: 0.2]"""
    validation_fraction: float | None
    """Share of the training part that is kept to evaluate a network on while it learns; the test part is then used once,
    at the end. A hash of each sample decides, so equal samples are on the same side [default: 0]"""
    labels: Literal["fine", "coarse"] | None
    """cifar100: the hundred fine or the twenty coarse classes [default: fine]"""
    separator: str | None
    """What separates cells: , ; | or tab [default: recognised]"""
    decimal: str | None
    """What separates decimals: . or , [default: recognised]"""
    encoding: str | None
    """Encoding, such as utf-8, utf-16le, gbk or windows-1252 [default: recognised]"""
    no_header: bool | None
    """The first row is data: columns are called column1, column2, …"""
    features: str | Sequence[str] | None
    """Columns to learn from [default: all but the label]"""
    drop: str | Sequence[str] | None
    """Columns to leave out"""
    one_hot: int | Literal["auto"] | Literal["none"] | None
    """Columns of text become an input for each of their texts: auto (up to 64 texts), none, or up to N [default: auto]"""
    missing: Literal["error"] | Literal["drop"] | Literal["mean"] | None
    """Cells without a value: an error, their rows left out (drop), or the column's mean [default: error]"""
    missing_values: str | Sequence[str] | None
    """Texts that stand for no value, besides an empty cell [default: NA, NaN, null, None, ? and others]"""
    target_scale: Literal["auto"] | Literal["none"] | None
    """With --loss mse: the numbers to predict are standardised for the network, unless --normalize is none (auto), or left
    as they are (none); losses and predictions have the units of the file either way [default: auto]"""
    image_size: str | None
    """folder: height and width to which images are brought [default: theirs, if all have the same]"""
    channels: int | None
    """folder: 1 for grey, 3 for colours [default: 1 if all images are grey, else 3]"""
    fit: Literal["pad", "crop", "stretch"] | None
    """folder: how images of other proportions are brought to the size: black beside them, the overhang cut off, or
    stretched [default: pad]"""
    cache: Path | None
    """folder: keep the decoded images in this file, and read them from there the next time"""
    hidden: int | Sequence[int] | None
    """Units of each hidden layer, or `none` for a linear model"""
    activation: Literal["relu", "tanh", "sigmoid", "gelu"] | None
    """Activation after each hidden layer"""
    dropout: float | None
    """Share of hidden units dropped at random in each training step"""
    network: Path | None
    """The network from a file, as a list of layers: linear, relu, batch_norm, residual, parallel and others; or that of
    the run in a folder"""
    loss: Literal["cross-entropy", "mse"] | None
    """Loss to minimise: cross-entropy for classes, mse for the numbers of a table's label column"""
    seed: int | None
    """Seed that chooses the test rows of a table, and the samples of the validation part"""
    optimizer: Literal["sgd", "adam", "adamw"] | None
    """Optimizer"""
    momentum: float | None
    """Momentum of sgd; any but 0 keeps one more number per parameter [default: 0]"""
    eval_batch_size: int | None
    """Samples per evaluation batch [default: as many of 1000 as fit into the memory of training]"""
    keep_gradients: bool | None
    """Keep the gradients of a step in memory, as other programs do. Without it the cpu updates a weight where its gradient
    is computed; the result is the same, bit for bit"""
    keep_inputs: bool | None
    """Gather the samples of a batch into memory of its own, normalised, as other programs do. Without it the cpu
    normalises them where it multiplies them; the result is the same, bit for bit"""
    recompute: Literal["none", "auto", "all"] | None
    """Compute activations again in the backward pass instead of keeping them: none; auto, as little as it takes for a step
    to fit; all, for the least memory. The result is the same, bit for bit [default: none]"""
    class_weights: Literal["balanced"] | Sequence[float] | None
    """Weight of each class in the training loss: balanced (rare classes count as much as frequent ones), or a number for
    each class"""
    label_smoothing: float | None
    """Share of each training sample's loss that is spread over all classes"""
    clip_norm: float | None
    """Clip the gradients of a step: where their norm, all together, is larger than this, they are scaled down to it"""
    decay_of: Literal["all", "matrices"] | None
    """What weight decay is for: all parameters, or matrices only, which spares biases and normalisation [default: all]"""
    ema: float | None
    """Keep a running average of the weights, of which each step leaves this share; it is what is evaluated and saved as
    the model"""
    precision: Literal["f32", "tf32", "bf16"] | None
    """Number format: f32; bf16, on the cpu, where activations, inputs and the factors of products are bfloat16 and all
    else is f32; or on GPUs from compute capability 8.0 on tf32, where the factors of large products have 10 bits of
    mantissa"""
    device: str | None
    """Where to compute: auto (a GPU if there is one that can be used, else the cpu), cpu, cuda or cuda:N (an NVIDIA GPU),
    or accelerator (the cpu with memory of its own, a stand-in for a GPU) [default: the variable PLANGRAD_DEVICE, else
    auto]"""
    threads: int | None
    """Threads; the result does not depend on them [default: as many as help, at most one per core]"""
    instruction_set: str | None
    """Vectors of the cpu: avx-512, amx (tiles; faster from batches of some hundred samples on), avx2 or portable. Each has
    bits of its own, and a resumed run keeps to its own [default: avx-512, else avx2, else portable]"""
    memory_budget: int | str | None
    """Memory that network, batch and everything between may take, such as 8MiB, or plain bytes [default: the free memory
    of the machine, less a sixteenth of its total, which is left to the system; of a GPU, less 32 MiB or a 512th]"""


class TrainOptions(TypedDict, total=False):
    """Options of ``plangrad train``."""

    dataset: str | None
    """mnist, fashion-mnist, kmnist, qmnist, emnist-letters (-balanced, -digits, …), cifar10, cifar100, digits; or your
    own: csv:FILE (a table; - is standard input), folder:DIR (images), idx:DIR, npz:FILE [default: mnist if it is in the
    data folder, else the built-in digits]"""
    data_dir: Path | None
    """Folder with the datasets [default: data]"""
    normalize: Literal["dataset", "half", "none"] | None
    """How values are normalised: by the dataset's mean and standard deviation, (x − 0.5) / 0.5, or not at all"""
    label: str | None
    """Tables: name of the label column [default: the last]"""
    test_fraction: float | None
    """Tables, and folders of images without a test folder: share kept for testing, may be 0 [default: 0.2]"""
    validation_fraction: float | None
    """Share of the training part that is kept to evaluate a network on while it learns; the test part is then used once,
    at the end. A hash of each sample decides, so equal samples are on the same side [default: 0]"""
    labels: Literal["fine", "coarse"] | None
    """cifar100: the hundred fine or the twenty coarse classes [default: fine]"""
    separator: str | None
    """What separates cells: , ; | or tab [default: recognised]"""
    decimal: str | None
    """What separates decimals: . or , [default: recognised]"""
    encoding: str | None
    """Encoding, such as utf-8, utf-16le, gbk or windows-1252 [default: recognised]"""
    no_header: bool | None
    """The first row is data: columns are called column1, column2, …"""
    features: str | Sequence[str] | None
    """Columns to learn from [default: all but the label]"""
    drop: str | Sequence[str] | None
    """Columns to leave out"""
    one_hot: int | Literal["auto"] | Literal["none"] | None
    """Columns of text become an input for each of their texts: auto (up to 64 texts), none, or up to N [default: auto]"""
    missing: Literal["error"] | Literal["drop"] | Literal["mean"] | None
    """Cells without a value: an error, their rows left out (drop), or the column's mean [default: error]"""
    missing_values: str | Sequence[str] | None
    """Texts that stand for no value, besides an empty cell [default: NA, NaN, null, None, ? and others]"""
    target_scale: Literal["auto"] | Literal["none"] | None
    """With --loss mse: the numbers to predict are standardised for the network, unless --normalize is none (auto), or left
    as they are (none); losses and predictions have the units of the file either way [default: auto]"""
    image_size: str | None
    """folder: height and width to which images are brought [default: theirs, if all have the same]"""
    channels: int | None
    """folder: 1 for grey, 3 for colours [default: 1 if all images are grey, else 3]"""
    fit: Literal["pad", "crop", "stretch"] | None
    """folder: how images of other proportions are brought to the size: black beside them, the overhang cut off, or
    stretched [default: pad]"""
    cache: Path | None
    """folder: keep the decoded images in this file, and read them from there the next time"""
    hidden: int | Sequence[int] | None
    """Units of each hidden layer, or `none` for a linear model"""
    activation: Literal["relu", "tanh", "sigmoid", "gelu"] | None
    """Activation after each hidden layer"""
    dropout: float | None
    """Share of hidden units dropped at random in each training step"""
    network: Path | None
    """The network from a file, as a list of layers: linear, relu, batch_norm, residual, parallel and others; or that of
    the run in a folder"""
    loss: Literal["cross-entropy", "mse"] | None
    """Loss to minimise: cross-entropy for classes, mse for the numbers of a table's label column"""
    batch_size: int | Literal["auto"] | None
    """Samples per step; auto takes a few seconds at most to measure from which size on training is fast, among the sizes
    that fit, but no less than 16 on the cpu and 64 elsewhere, if that fits [default: 64]"""
    epochs: int | None
    """Passes over the training part [default: 5]"""
    max_steps: int | None
    """Stop after this many steps; the last epoch is still evaluated, reported and saved"""
    optimizer: Literal["sgd", "adam", "adamw"] | None
    """Optimizer"""
    momentum: float | None
    """Momentum of sgd; any but 0 keeps one more number per parameter [default: 0]"""
    eval_batch_size: int | None
    """Samples per evaluation batch [default: as many of 1000 as fit into the memory of training]"""
    keep_gradients: bool | None
    """Keep the gradients of a step in memory, as other programs do. Without it the cpu updates a weight where its gradient
    is computed; the result is the same, bit for bit"""
    keep_inputs: bool | None
    """Gather the samples of a batch into memory of its own, normalised, as other programs do. Without it the cpu
    normalises them where it multiplies them; the result is the same, bit for bit"""
    recompute: Literal["none", "auto", "all"] | None
    """Compute activations again in the backward pass instead of keeping them: none; auto, as little as it takes for a step
    to fit; all, for the least memory. The result is the same, bit for bit [default: none]"""
    lr: float | None
    """Learning rate [default: 0.001 with adam and adamw, 0.01 with sgd]"""
    weight_decay: float | None
    """Weight decay [default: 0; 0.01 with adamw]"""
    seed: int | None
    """Seed of the first weights, the order of samples, dropout and the choice of a table's test rows"""
    no_shuffle: bool | None
    """Take the samples in the order of the files"""
    schedule: Literal["constant", "cosine", "step", "one-cycle"] | None
    """Schedule of the learning rate: constant, half a cosine down to --lr-minimum, in steps, or one cycle up from a 25th
    of --lr to --lr in the first 30 % of the steps and down to nearly 0"""
    lr_minimum: float | None
    """Learning rate at the end, with --schedule cosine [default: 0]"""
    lr_every: int | None
    """Epochs between two steps, with --schedule step [default: 1]"""
    lr_factor: float | None
    """Factor of each step, with --schedule step [default: 0.1]"""
    warmup: int | None
    """Steps over which the learning rate rises linearly to where the schedule begins; the schedule has the steps that
    follow"""
    class_weights: Literal["balanced"] | Sequence[float] | None
    """Weight of each class in the training loss: balanced (rare classes count as much as frequent ones), or a number for
    each class"""
    label_smoothing: float | None
    """Share of each training sample's loss that is spread over all classes"""
    clip_norm: float | None
    """Clip the gradients of a step: where their norm, all together, is larger than this, they are scaled down to it"""
    decay_of: Literal["all", "matrices"] | None
    """What weight decay is for: all parameters, or matrices only, which spares biases and normalisation [default: all]"""
    ema: float | None
    """Keep a running average of the weights, of which each step leaves this share; it is what is evaluated and saved as
    the model"""
    keep: Literal["last", "best"] | None
    """Keep the model of the best epoch as best.safetensors beside that of the last; only epochs that were taken whole are
    compared"""
    best_by: Literal["loss", "accuracy"] | None
    """Figure of the validation part (else of the test part) by which epochs are compared [default: accuracy; loss with
    mse]"""
    patience: int | None
    """End the run after this many epochs in a row without improvement"""
    init: Path | None
    """Start from these weights: a safetensors file of floating-point numbers or a state_dict of PyTorch (.pth, .pt) whose
    shapes match in order"""
    precision: Literal["f32", "tf32", "bf16"] | None
    """Number format: f32; bf16, on the cpu, where activations, inputs and the factors of products are bfloat16 and all
    else is f32; or on GPUs from compute capability 8.0 on tf32, where the factors of large products have 10 bits of
    mantissa"""
    device: str | None
    """Where to compute: auto (a GPU if there is one that can be used, else the cpu), cpu, cuda or cuda:N (an NVIDIA GPU),
    or accelerator (the cpu with memory of its own, a stand-in for a GPU) [default: the variable PLANGRAD_DEVICE, else
    auto]"""
    threads: int | None
    """Threads; the result does not depend on them [default: as many as help, at most one per core]"""
    instruction_set: str | None
    """Vectors of the cpu: avx-512, amx (tiles; faster from batches of some hundred samples on), avx2 or portable. Each has
    bits of its own, and a resumed run keeps to its own [default: avx-512, else avx2, else portable]"""
    memory_budget: int | str | None
    """Memory that network, batch and everything between may take, such as 8MiB, or plain bytes [default: the free memory
    of the machine, less a sixteenth of its total, which is left to the system; of a GPU, less 32 MiB or a 512th]"""
    on_oom: Literal["ladder", "error", "cpu"] | None
    """If memory runs out: ladder keeps the dataset on the host, then computes activations again or splits batches into
    parts, then moves to the cpu; cpu moves there at once [default: ladder with --device auto, else error]"""
    accumulate: int | None
    """Split each batch into N parts and add up their gradients: the same steps in less memory [default: 1]"""
    out: Path | None
    """Run folder [default: runs/DATASET-TIME]"""
    config: Path | None
    """Settings from a file as runs write it (config.toml), or of the run in a folder; options given here win"""
    overwrite: bool | None
    """Replace an earlier run in that folder"""
    resume: Path | None
    """Resume the run in this folder, to the same bits as without the interruption; --epochs and --max-steps may be raised,
    and --lr and, from the next epoch on, --batch-size changed, which the run records"""
    accept_changed_data: bool | None
    """Resume although the data have changed since: the epoch begins again with them, and with their statistics"""
    checkpoint_every: int | None
    """Steps between two checkpoints [default: one after each epoch]"""
    log_every: int | None
    """Steps between two lines of progress [default: 100]"""
    plot: Path | Sequence[Path] | None
    """Draw loss and accuracy over the epochs when the run is complete or interrupted: FILE.svg or FILE.png; may be given
    several times"""
    no_report: bool | None
    """Do not write report.html, the page with curves, confusion matrix, pictures and memory, at the end"""
    progress: Literal["bar", "tui", "plain", "none"] | None
    """What to show of the progress: a bar and lines; the whole terminal with curves, pace, memory and mistakes (in
    programs built with --features tui); lines alone; or only what each epoch came to. Where there is no terminal, lines"""
    tensorboard: bool | None
    """Write event files for TensorBoard meanwhile, in the folder tensorboard of the run: losses, accuracies, learning
    rate, times, histograms of the weights, the settings; at the end mistakes as pictures"""
