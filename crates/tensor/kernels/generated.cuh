// What the kernels share with src/backend/launch, made from there by `cargo xtask kernels`: change it there.
//
// Sizes are in elements unless they are called bytes.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

/// Threads of every block.
constexpr u32 THREADS = 256;

/// Threads of a warp.
constexpr u32 WARP = 32;

/// Warps of every block.
constexpr u32 WARPS = 8;

/// What changes from step to step.
struct StepBlock {
    u64 step;
    u64 seed;
    float learning_rate;
    float step_size;
    float second_correction;
    u32 first_row;
};
static_assert(sizeof(StepBlock) == 32, "laid out as in Rust");

/// Running sums of losses and right answers.
struct MetricBlock {
    double loss_sum;
    u64 samples;
    u64 correct;
    /// Of the last batch.
    double last_sum;
    u64 last_samples;
};
static_assert(sizeof(MetricBlock) == 40, "laid out as in Rust");

/// Where batches come from.
struct Feed {
    const u8 *samples;
    const u8 *targets;
    /// Rows of the dataset in the order in which steps take them; null if each step takes rows from 0 on.
    const u32 *order;
    /// Place in the order of the next step's first row.
    u64 cursor;
};
static_assert(sizeof(Feed) == 32, "laid out as in Rust");

/// The tiles of a product.
enum class Tile : u32 {
    /// 8 × 16, k in eight slices.
    Narrow,
    /// 32 × 32, k in eight slices.
    Sliced,
    /// 32 × 32.
    Small,
    /// 64 × 64.
    Medium,
    /// 64 × 128.
    Broad,
    /// 128 × 128.
    Large,
    /// 128 × 256 on tensor cores, operands rounded to TF32.
    Tensor,
};

/// How a tile is computed: M × N elements of C, DEPTH steps of k in shared memory at a time, k in SLICES parts, TALL × WIDE
/// elements for a thread, or on tensor cores for a warp.
template <Tile TILE> struct Shape;
template <> struct Shape<Tile::Narrow> {
    static constexpr u32 M = 8, N = 16, DEPTH = 128, SLICES = 8, TALL = 2, WIDE = 2;
    static constexpr u32 SHARED_BYTES = 32768;
};
template <> struct Shape<Tile::Sliced> {
    static constexpr u32 M = 32, N = 32, DEPTH = 64, SLICES = 8, TALL = 4, WIDE = 8;
    static constexpr u32 SHARED_BYTES = 36864;
};
template <> struct Shape<Tile::Small> {
    static constexpr u32 M = 32, N = 32, DEPTH = 64, SLICES = 1, TALL = 2, WIDE = 2;
    static constexpr u32 SHARED_BYTES = 36864;
};
template <> struct Shape<Tile::Medium> {
    static constexpr u32 M = 64, N = 64, DEPTH = 16, SLICES = 1, TALL = 4, WIDE = 4;
    static constexpr u32 SHARED_BYTES = 17408;
};
template <> struct Shape<Tile::Broad> {
    static constexpr u32 M = 64, N = 128, DEPTH = 16, SLICES = 1, TALL = 4, WIDE = 8;
    static constexpr u32 SHARED_BYTES = 25600;
};
template <> struct Shape<Tile::Large> {
    static constexpr u32 M = 128, N = 128, DEPTH = 16, SLICES = 1, TALL = 8, WIDE = 8;
    static constexpr u32 SHARED_BYTES = 33792;
};
template <> struct Shape<Tile::Tensor> {
    static constexpr u32 M = 128, N = 256, DEPTH = 16, SLICES = 1, TALL = 64, WIDE = 64;
    static constexpr u32 SHARED_BYTES = 81408;
};

/// The formulas, by the names they have in plans: first those that products are finished with.
enum class Formula : u32 {
    Add,
    Sub,
    Mul,
    Div,
    Affine,
    Exp,
    Ln,
    Sqrt,
    Relu,
    ReluGrad,
    Tanh,
    TanhGrad,
    Sigmoid,
    SigmoidGrad,
    Gelu,
    GeluGrad,
    Abs,
    Sign,
    Clamp,
    Within,
    Pow,
    Maximum,
    Minimum,
    LargerShare,
    Greater,
    GreaterEqual,
    Equal,
    Where,
    WhereNot,
};

/// How the learning rate changes.
enum class Schedule : u32 {
    Constant,
    Cosine,
    Step,
    OneCycle,
};

/// Advances the step block.
struct Advance {
    StepBlock *step_block;
    double learning_rate;
    /// The minimum of a cosine or a cycle, the factor of a step.
    double other;
    /// Those of a cosine or a cycle, or from one step of the schedule to the next.
    u64 steps;
    /// Where a cycle begins, and the steps before its peak.
    double initial;
    double peak;
    /// Steps before the schedule begins.
    u64 warmup;
    double betas[2];
    Schedule schedule;
    /// Whether the optimizer has bias corrections.
    u32 corrected;
};
static_assert(sizeof(Advance) == 80, "laid out as in Rust");

/// Most channels of one item.
constexpr u32 MOST_CHANNELS = 8;

/// x · scale + shift for some channels of a batch's samples.
struct Gather {
    const Feed *feed;
    float *output;
    u64 rows;
    /// Elements of a sample.
    u64 width;
    /// Elements of a channel.
    u64 pixels;
    u64 first_channel;
    u32 channels;
    u32 bytes_per_element;
    float scale[8];
    float shift[8];
};
static_assert(sizeof(Gather) == 120, "laid out as in Rust");

/// Copies a batch's targets.
struct GatherTargets {
    const Feed *feed;
    u8 *output;
    u64 rows;
    u64 bytes_per_row;
};
static_assert(sizeof(GatherTargets) == 32, "laid out as in Rust");

/// Advances the feed by a batch.
struct NextBatch {
    Feed *feed;
    u64 rows;
};
static_assert(sizeof(NextBatch) == 16, "laid out as in Rust");

/// Writes one number everywhere.
struct Fill {
    float *output;
    u64 elements;
    float value;
};
static_assert(sizeof(Fill) == 24, "laid out as in Rust");

/// output += input
struct Accumulate {
    const float *input;
    float *output;
    u64 elements;
};
static_assert(sizeof(Accumulate) == 24, "laid out as in Rust");

/// Advances the position in the batch.
struct Proceed {
    StepBlock *step_block;
    u64 rows;
};
static_assert(sizeof(Proceed) == 16, "laid out as in Rust");

/// output = input
struct Copy {
    const u8 *input;
    u8 *output;
    u64 bytes;
};
static_assert(sizeof(Copy) == 24, "laid out as in Rust");

/// What is done to the elements of a product before they are stored: x = formula(x, y).
struct Step {
    /// y `[m, n]`, or null.
    const float *other;
    Formula formula;
    float scale;
    float shift;
};
static_assert(sizeof(Step) == 24, "laid out as in Rust");

/// C\[m, n\] = steps(op(A)\[m, k\] · B\[k, n\] + bias)
struct Gemm {
    const float *a;
    const float *b;
    float *c;
    /// Added to each row, or null.
    const float *bias;
    /// Column sums of B, or null.
    float *sums;
    u64 m;
    u64 n;
    u64 k;
    Step steps[2];
    u32 step_count;
    Tile tile;
    u32 transpose_a;
    u32 accumulate;
    u32 accumulate_sums;
    /// Whether four neighbours lie on 16 bytes: of A, of B, of C and what its steps read.
    u32 vector_a;
    u32 vector_b;
    u32 vector_c;
};
static_assert(sizeof(Gemm) == 144, "laid out as in Rust");

/// output = formula(x, y)
struct Map {
    const float *x;
    const float *y;
    float *output;
    u64 elements;
    u64 dims[6];
    u64 x_strides[6];
    u64 y_strides[6];
    u32 rank;
    Formula formula;
    float scale;
    float shift;
    /// Whether operands and output run together and lie on 16 bytes, and four elements are computed at a time.
    u32 vector;
};
static_assert(sizeof(Map) == 200, "laid out as in Rust");

/// Rows of this length and longer are reduced by a block each, shorter ones by a warp.
constexpr u64 LONG_ROW = 1024;

/// Shared memory of a block, where blocks reduce.
constexpr u32 REDUCE_BYTES = 4096;

/// `[outer, reduced, inner]` to `[outer, inner]`
struct Reduce {
    const float *input;
    float *output;
    u64 outer;
    u64 reduced;
    u64 inner;
    /// Whether it is the maximum instead of the sum, or the sum of squares.
    u32 maximum;
    u32 squared;
};
static_assert(sizeof(Reduce) == 48, "laid out as in Rust");

/// Softmax over rows, or its logarithm.
struct Softmax {
    const float *input;
    float *output;
    u64 rows;
    u64 columns;
    u32 logarithm;
};
static_assert(sizeof(Softmax) == 40, "laid out as in Rust");

/// Losses, their gradient, or both; what is not wanted is null.
struct CrossEntropy {
    const float *logits;
    const u8 *labels;
    float *losses;
    float *gradient;
    /// The gradient's factor for each row; null if `scale` is that of all rows.
    const float *scales;
    /// Of the classes; null if each is 1.
    const float *weights;
    u64 rows;
    u64 columns;
    float scale;
    /// The label's share of the loss, and each class's.
    float hit;
    float spread;
};
static_assert(sizeof(CrossEntropy) == 80, "laid out as in Rust");

/// Losses, their gradient, or both; what is not wanted is null.
struct Mse {
    const float *prediction;
    const float *target;
    float *losses;
    float *gradient;
    /// The gradient's factor for each row; null if `scale` is that of all rows.
    const float *scales;
    u64 rows;
    u64 columns;
    float scale;
};
static_assert(sizeof(Mse) == 64, "laid out as in Rust");

/// output\[i₀, i₁, …\] = input\[Σ iₖ · stridesₖ\]
struct Permute {
    const float *input;
    float *output;
    u64 elements;
    u64 dims[6];
    u64 strides[6];
    u32 rank;
};
static_assert(sizeof(Permute) == 128, "laid out as in Rust");

/// Edge of the square that a block transposes at a time.
constexpr u32 TRANSPOSED = 32;

/// From a row of it to the next in shared memory: one float more, so that a column lies in different banks.
constexpr u32 TRANSPOSED_STRIDE = 33;

/// From `[rows, columns]` to `[columns, rows]`.
struct Transpose {
    const float *input;
    float *output;
    u64 rows;
    u64 columns;
};
static_assert(sizeof(Transpose) == 32, "laid out as in Rust");

/// output[i, j] = input[i, j] for `width` columns of both.
struct JoinPart {
    /// Or null: the number in each element.
    const float *input;
    float *output;
    u64 elements;
    u64 width;
    /// From a row to the next.
    u64 input_columns;
    u64 output_columns;
    float number;
};
static_assert(sizeof(JoinPart) == 56, "laid out as in Rust");

/// output[i] = table[indices[i]]
struct GatherRows {
    const float *table;
    const u8 *indices;
    float *output;
    /// Elements of the output.
    u64 elements;
    /// Rows of the table.
    u64 rows;
    u64 columns;
    /// Bytes of an index: 1, 2, or 4 for whole numbers in floats.
    u32 bytes_per_index;
};
static_assert(sizeof(GatherRows) == 56, "laid out as in Rust");

/// output[r] = Σ input[i] over the i whose index is r
struct ScatterRows {
    const float *input;
    const u8 *indices;
    float *output;
    /// Rows of the input.
    u64 count;
    /// Rows of the output.
    u64 rows;
    u64 columns;
    /// Bytes of an index: 1, 2, or 4 for whole numbers in floats.
    u32 bytes_per_index;
};
static_assert(sizeof(ScatterRows) == 56, "laid out as in Rust");

/// output[i] = values[labels[i]]
struct Pick {
    const float *values;
    const u8 *labels;
    float *output;
    u64 classes;
    u64 rows;
};
static_assert(sizeof(Pick) == 40, "laid out as in Rust");

/// Each row's largest column; with labels 1 where it is the label, else 0.
struct ArgMax {
    const float *input;
    /// Or null.
    const u8 *labels;
    float *output;
    u64 rows;
    u64 columns;
};
static_assert(sizeof(ArgMax) == 40, "laid out as in Rust");

/// Sets the random words of masks apart from those of initial weights.
constexpr u32 DROPOUT_STREAM = 1685221232;

/// Scales the units that are kept and sets the others to zero.
struct Dropout {
    const float *input;
    float *output;
    const StepBlock *step_block;
    u64 rows;
    u64 units;
    /// A unit whose random word is smaller is dropped.
    u32 limit;
    u32 layer;
    float scale;
};
static_assert(sizeof(Dropout) == 56, "laid out as in Rust");

/// Losses in shared memory at a time.
constexpr u32 METRIC_RUN = 1024;

/// Adds the losses and right answers of a batch.
struct Metrics {
    const float *losses;
    /// Or null.
    const float *correct;
    MetricBlock *sums;
    u64 rows;
    /// Whether these rows are a further part of the last batch.
    u32 continues;
};
static_assert(sizeof(Metrics) == 40, "laid out as in Rust");

enum class Optimizer : u32 {
    Sgd,
    Momentum,
    Adam,
    AdamW,
};

/// Each factor is rounded to f32 once: 1 − β from f64, or it would lose half its digits.
struct Update {
    float *parameter;
    const float *gradient;
    /// What gradients are divided by; null for 1.
    const float *divisor;
    /// Null where the optimizer has none.
    float *moments[2];
    const StepBlock *step_block;
    u64 elements;
    /// λ of decoupled weight decay.
    double decoupled_decay;
    float momentum;
    float decay;
    float keep_first;
    float take_first;
    float keep_second;
    float take_second;
    float epsilon;
    Optimizer optimizer;
    /// Whether all arrays lie on 16 bytes.
    u32 vector;
};
static_assert(sizeof(Update) == 104, "laid out as in Rust");

/// Which member of `Work` an item has.
enum class Kind : u32 {
    Advance,
    Gather,
    GatherTargets,
    NextBatch,
    Fill,
    Accumulate,
    Proceed,
    Copy,
    Gemm,
    Map,
    Reduce,
    Softmax,
    CrossEntropy,
    Mse,
    Permute,
    Transpose,
    JoinPart,
    GatherRows,
    ScatterRows,
    Pick,
    ArgMax,
    Dropout,
    Metrics,
    Update,
};

/// Parameters of any kind.
union Work {
    Advance advance;
    Gather gather;
    GatherTargets gather_targets;
    NextBatch next_batch;
    Fill fill;
    Accumulate accumulate;
    Proceed proceed;
    Copy copy;
    Gemm gemm;
    Map map;
    Reduce reduce;
    Softmax softmax;
    CrossEntropy cross_entropy;
    Mse mse;
    Permute permute;
    Transpose transpose;
    JoinPart join_part;
    GatherRows gather_rows;
    ScatterRows scatter_rows;
    Pick pick;
    ArgMax arg_max;
    Dropout dropout;
    Metrics metrics;
    Update update;
    /// As large as in Rust.
    u64 words[25];
};
static_assert(sizeof(Work) == 200, "laid out as in Rust");

/// CASE(kind, member of `Work`) for every kind.
#define EVERY_KIND(CASE) \
    CASE(Advance, advance) \
    CASE(Gather, gather) \
    CASE(GatherTargets, gather_targets) \
    CASE(NextBatch, next_batch) \
    CASE(Fill, fill) \
    CASE(Accumulate, accumulate) \
    CASE(Proceed, proceed) \
    CASE(Copy, copy) \
    CASE(Gemm, gemm) \
    CASE(Map, map) \
    CASE(Reduce, reduce) \
    CASE(Softmax, softmax) \
    CASE(CrossEntropy, cross_entropy) \
    CASE(Mse, mse) \
    CASE(Permute, permute) \
    CASE(Transpose, transpose) \
    CASE(JoinPart, join_part) \
    CASE(GatherRows, gather_rows) \
    CASE(ScatterRows, scatter_rows) \
    CASE(Pick, pick) \
    CASE(ArgMax, arg_max) \
    CASE(Dropout, dropout) \
    CASE(Metrics, metrics) \
    CASE(Update, update)

/// Most items of a launch: as many as fit into a kernel's parameters.
constexpr u32 MOST_ITEMS = 16;

/// One task.
struct Item {
    /// Which of `Kind`.
    u32 kind;
    /// Blocks of the launch that work on it.
    u32 blocks;
    Work work;
};
static_assert(sizeof(Item) == 208, "laid out as in Rust");

/// What a launch reads.
struct Items {
    /// The first block of each item, side by side, so that a block finds its own by one read; the largest number where
    /// there is no item.
    u32 first_blocks[16];
    Item items[16];
};
static_assert(sizeof(Items) == 3392, "laid out as in Rust");
