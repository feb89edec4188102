// What a launch does: items, each one kernel of a plan with every address known.
//
// src/backend/cuda/items.rs has the same structures for the host; LAYOUT is how a test knows that they are the same.
// Sizes are in elements unless they are called bytes.
#pragma once

#include "common.cuh"

/// Most dimensions of an array.
constexpr u32 MAX_RANK = 6;
/// Most channels that one item normalises.
constexpr u32 MOST_CHANNELS = 8;
/// Most items of a launch.
constexpr u32 MOST_ITEMS = 16;

enum Kind : u32 {
    ADVANCE,
    GATHER,
    GATHER_TARGETS,
    NEXT_BATCH,
    FILL,
    ACCUMULATE,
    PROCEED,
    COPY,
    GEMM,
    MAP,
    REDUCE,
    SOFTMAX,
    CROSS_ENTROPY,
    MSE,
    PERMUTE,
    TRANSPOSE,
    ARG_MAX,
    DROPOUT,
    METRICS,
    UPDATE,
};

/// What changes from step to step.
struct StepBlock {
    u64 step, seed;
    float learning_rate, step_size, second_correction;
    u32 first_row;
};

/// Running sums of losses and right answers.
struct MetricBlock {
    double loss_sum;
    u64 samples, correct;
    /// Of the last batch.
    double last_sum;
    u64 last_samples;
};

/// Where batches come from.
struct Feed {
    const u8* samples;
    const u8* targets;
    /// Rows of the dataset in the order in which steps take them; null where each step finds its rows from 0 on.
    const u32* order;
    /// Place in the order of this step's first row.
    u64 cursor;
};

enum ScheduleKind : u32 { CONSTANT, COSINE, STEP };

struct Advance {
    StepBlock* step_block;
    double learning_rate;
    /// The minimum of a cosine, the factor of a step.
    double other;
    u64 steps;
    /// 0 where there is no correction.
    double beta1, beta2;
    u32 schedule;
    u32 corrected;
};

struct Gather {
    const Feed* feed;
    float* output;
    u64 rows;
    /// Elements of a sample, and of a channel.
    u64 width, pixels;
    u64 first_channel;
    u32 channels;
    u32 bytes_per_element;
    float scale[MOST_CHANNELS], shift[MOST_CHANNELS];
};

struct GatherTargets {
    const Feed* feed;
    u8* output;
    u64 rows;
    u64 bytes_per_row;
};

struct NextBatch {
    Feed* feed;
    u64 rows;
};

struct Fill {
    float* output;
    u64 elements;
    float value;
    u32 unused;
};

struct Accumulate {
    const float* input;
    float* output;
    u64 elements;
};

struct Proceed {
    StepBlock* step_block;
    u64 rows;
};

struct Copy {
    const u8* input;
    u8* output;
    u64 bytes;
};

enum TileKind : u32 { NARROW, SLICED, SMALL, MEDIUM, BROAD, LARGE, TENSOR };
enum Epilogue : u32 { STORE, BIAS, BIAS_RELU, RELU_MASK };

struct Gemm {
    const float* a;
    const float* b;
    float* c;
    /// The bias `[n]` or the mask `[m, n]` of the epilogue.
    const float* other;
    /// Column sums of B, or null.
    float* sums;
    u64 m, n, k;
    u32 tile;
    u32 epilogue;
    u32 transpose_a;
    u32 accumulate;
    u32 accumulate_sums;
    /// Whether four neighbours lie on 16 bytes: of A, of B, of C and its epilogue's operand.
    u32 vector_a, vector_b, vector_c;
};

enum MapKind : u32 {
    ADD,
    SUB,
    MUL,
    DIV,
    AFFINE,
    EXP,
    LN,
    SQRT,
    RELU,
    RELU_GRAD,
    TANH,
    TANH_GRAD,
    SIGMOID,
    SIGMOID_GRAD,
    GELU,
    GELU_GRAD,
};

struct Map {
    const float* x;
    const float* y;
    float* output;
    u64 elements;
    u64 dims[MAX_RANK], x_strides[MAX_RANK], y_strides[MAX_RANK];
    u32 rank;
    u32 formula;
    float scale, shift;
    /// Whether operands and output run together, and lie on 16 bytes.
    u32 vector;
    u32 unused;
};

struct Reduce {
    const float* input;
    float* output;
    u64 outer, reduced, inner;
    u32 maximum;
    u32 unused;
};

struct Softmax {
    const float* input;
    float* output;
    u64 rows, columns;
    u32 logarithm;
    u32 unused;
};

/// `losses`, `gradient` and `scales` may be null; without scales all rows have the same.
struct CrossEntropy {
    const float* logits;
    const u8* labels;
    float* losses;
    float* gradient;
    const float* scales;
    u64 rows, columns;
    float scale;
    u32 unused;
};

struct Mse {
    const float* prediction;
    const float* target;
    float* losses;
    float* gradient;
    const float* scales;
    u64 rows, columns;
    float scale;
    u32 unused;
};

struct Permute {
    const float* input;
    float* output;
    u64 elements;
    u64 dims[MAX_RANK], strides[MAX_RANK];
    u32 rank;
    u32 unused;
};

/// From `[rows, columns]` to `[columns, rows]`.
struct Transpose {
    const float* input;
    float* output;
    u64 rows, columns;
};

struct ArgMax {
    const float* input;
    /// Or null.
    const u8* labels;
    float* output;
    u64 rows, columns;
};

struct Dropout {
    const float* input;
    float* output;
    const StepBlock* step_block;
    u64 rows, units;
    u32 limit;
    u32 layer;
    float scale;
    u32 unused;
};

struct Metrics {
    const float* losses;
    /// Or null.
    const float* correct;
    MetricBlock* sums;
    u64 rows;
    /// Whether these rows are a further part of the last batch.
    u32 continues;
    u32 unused;
};

enum OptimizerKind : u32 { SGD, MOMENTUM, ADAM, ADAMW };

struct Update {
    float* parameter;
    const float* gradient;
    float* moments[2];
    const StepBlock* step_block;
    u64 elements;
    /// λ of decoupled weight decay.
    double decoupled_decay;
    float momentum, decay;
    float keep_first, take_first, keep_second, take_second, epsilon;
    u32 optimizer;
    /// Whether all arrays lie on 16 bytes.
    u32 vector;
    u32 unused;
};

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
    ArgMax arg_max;
    Dropout dropout;
    Metrics metrics;
    Update update;
};

struct Item {
    u32 kind;
    /// Blocks of the launch that work on it.
    u32 blocks;
    Work work;
};

struct Items {
    /// The first block of each item, side by side so that a block finds its own by one read; where there is no item, beyond
    /// all blocks.
    u32 first_blocks[MOST_ITEMS];
    Item items[MOST_ITEMS];
};
