// Runs kernels on the CPU: a fiber for each CUDA thread of a block, blocks in turn.
//
// A fiber runs until it reaches a barrier or a shuffle; then the next one runs. A seed determines their order: a kernel
// that lacks a barrier gives other results in another order, or NaN where it reads shared memory that has not been written.
// With the address sanitizer, shared memory beyond what a launch requested is out of bounds.
//
// One launch runs at a time, guarded by a lock: all state here belongs to that launch.

#include <algorithm>
#include <cstdio>
#include <deque>
#include <mutex>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "cuda.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace emulator {

Index thread_index, block_index, block_size, grid_size;

namespace {

constexpr unsigned MOST_THREADS = 1024;
constexpr unsigned WARP = 32;
constexpr size_t MOST_SHARED = 227 << 10;  // bytes, of a Hopper block
constexpr size_t STACK = SANITIZED ? 256 << 10 : 64 << 10;

enum class State : uint8_t { Ready, AtBarrier, AtExchange, Done };

#if defined(__x86_64__)
// Saves the registers that a call preserves and the stack pointer, and continues on another stack.
struct Context {
    void* stack_pointer;
};
extern "C" void plangrad_emulator_switch(void** save, void* next);
asm(R"(
.text
.globl plangrad_emulator_switch
.type plangrad_emulator_switch, @function
plangrad_emulator_switch:
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    ret
.size plangrad_emulator_switch, .-plangrad_emulator_switch
)");

void switch_to(Context& from, Context& to) {
    plangrad_emulator_switch(&from.stack_pointer, to.stack_pointer);
}

void prepare(Context& context, char* top, void (*entry)()) {
    void** stack = reinterpret_cast<void**>(reinterpret_cast<uintptr_t>(top) & ~uintptr_t(15));
    *--stack = nullptr;  // where the entry would return to
    *--stack = reinterpret_cast<void*>(entry);
    for (int i = 0; i < 6; i++) *--stack = nullptr;
    context.stack_pointer = stack;
}
#else
using Context = ucontext_t;

void switch_to(Context& from, Context& to) {
    swapcontext(&from, &to);
}

void prepare(Context& context, char* top, void (*entry)()) {
    getcontext(&context);
    context.uc_stack.ss_sp = top - STACK / 2;
    context.uc_stack.ss_size = STACK / 2;
    context.uc_link = nullptr;
    makecontext(&context, entry, 0);
}
#endif

struct Place {
    const char* file;
    int line;
};

/// A copy that has been started.
struct Copy {
    void* to;
    const void* from;
    unsigned bytes, left;
};

struct Fiber {
    Context context;
    char* stack = nullptr;
    Index index;
    State state;
    Place place;
    // Of the shuffle in which it waits.
    unsigned mask, source;
    uint64_t value;
    // Started copies, in groups; the last group is not committed.
    std::deque<std::vector<Copy>> copies;
};

/// The values that the lanes of each warp last exchanged.
uint64_t exchanged_values[MOST_THREADS / WARP][WARP];

std::mutex one_launch;
Fiber fibers[MOST_THREADS];
Context scheduler;
unsigned current;  // the fiber that runs
unsigned threads;  // of a block
std::string failure;

/// What a fiber runs.
void (*kernel_body)(void* kernel, void** arguments);
void* kernel_address;
void** kernel_arguments;

#if SANITIZED
const void* scheduler_stack;
size_t scheduler_stack_size;

void enter_fiber(void* fake_stack) {
    __sanitizer_finish_switch_fiber(fake_stack, &scheduler_stack, &scheduler_stack_size);
}
#endif

/// Returns to the scheduler.
void yield(State state, Place place) {
    Fiber& fiber = fibers[current];
    fiber.state = state;
    fiber.place = place;
#if SANITIZED
    void* fake_stack = nullptr;
    void** kept = state == State::Done ? nullptr : &fake_stack;
    __sanitizer_start_switch_fiber(kept, scheduler_stack, scheduler_stack_size);
#endif
    switch_to(fiber.context, scheduler);
#if SANITIZED
    enter_fiber(fake_stack);
#endif
}

void fiber_main() {
#if SANITIZED
    enter_fiber(nullptr);
#endif
    kernel_body(kernel_address, kernel_arguments);
    yield(State::Done, {"", 0});
}

void resume(unsigned i) {
    current = i;
    thread_index = fibers[i].index;
#if SANITIZED
    void* fake_stack = nullptr;
    __sanitizer_start_switch_fiber(&fake_stack, fibers[i].stack, STACK);
#endif
    switch_to(scheduler, fibers[i].context);
#if SANITIZED
    __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
#endif
}

/// Marsaglia's xorshift: good enough to shuffle an order.
struct Order {
    uint64_t state;

    explicit Order(unsigned seed) : state(seed * 0x9E3779B97F4A7C15ull | 1) {}

    void mix(std::vector<unsigned>& items) {
        for (size_t i = items.size(); i > 1; i--) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            std::swap(items[i - 1], items[state % i]);
        }
    }
};

std::string at(const Place& place) {
    return std::string(place.file) + ":" + std::to_string(place.line);
}

/// Releases all threads if they wait at one barrier; returns whether they do.
bool release_barrier() {
    const Place& first = fibers[0].place;
    for (unsigned i = 0; i < threads; i++) {
        if (fibers[i].state != State::AtBarrier) return false;
        if (fibers[i].place.line != first.line || strcmp(fibers[i].place.file, first.file) != 0) {
            failure = "threads wait at two barriers, " + at(first) + " and " + at(fibers[i].place);
            return false;
        }
    }
    for (unsigned i = 0; i < threads; i++) fibers[i].state = State::Ready;
    return true;
}

/// Whether all lanes with which fiber `i` exchanges wait for the same exchange.
bool complete(unsigned warp, unsigned i) {
    const Fiber& one = fibers[i];
    for (unsigned lane = 0; lane < WARP; lane++) {
        if (!(one.mask >> lane & 1)) continue;
        if (warp + lane >= threads) return false;
        const Fiber& other = fibers[warp + lane];
        bool here = other.state == State::AtExchange && other.mask == one.mask && other.place.line == one.place.line;
        if (!here) return false;
    }
    return one.mask >> (i - warp) & 1;
}

/// Exchanges the values of lanes that all wait. A source outside the mask gives all ones: NaN.
void exchange_lanes(unsigned warp, unsigned mask) {
    uint64_t* values = exchanged_values[warp / WARP];
    for (unsigned lane = 0; lane < WARP; lane++) {
        if (!(mask >> lane & 1)) continue;
        unsigned source = fibers[warp + lane].source;
        values[lane] = mask >> source & 1 ? fibers[warp + source].value : ~uint64_t(0);
    }
    for (unsigned lane = 0; lane < WARP; lane++) {
        if (!(mask >> lane & 1)) continue;
        fibers[warp + lane].value = values[lane];
        fibers[warp + lane].state = State::Ready;
    }
}

bool release_exchanges() {
    bool any = false;
    for (unsigned i = 0; i < threads; i++) {
        unsigned warp = i / WARP * WARP;
        if (fibers[i].state == State::AtExchange && complete(warp, i)) {
            exchange_lanes(warp, fibers[i].mask);
            any = true;
        }
    }
    return any;
}

/// No thread can continue: reports one and where it waits.
void report_deadlock() {
    for (unsigned i = 0; i < threads; i++) {
        if (fibers[i].state == State::Done) continue;
        const char* what = fibers[i].state == State::AtBarrier ? "a barrier" : "a shuffle";
        failure = std::string("not all threads reach ") + what + " at " + at(fibers[i].place) + ", where thread " +
                  std::to_string(i) + " of block " + std::to_string(block_index.x) + " waits";
        return;
    }
}

bool run_block(std::vector<unsigned>& order, Order* mixer) {
    for (unsigned i = 0; i < threads; i++) {
        // Stacks that start at the same place of a page would compete for the same cache lines.
        char* top = fibers[i].stack + STACK - i % 32 * 128;
#if SANITIZED
        // The frames of a finished fiber, which never returned, are still poisoned.
        ASAN_UNPOISON_MEMORY_REGION(top - (8 << 10), 8 << 10);
#endif
        prepare(fibers[i].context, top, fiber_main);
        fibers[i].state = State::Ready;
        fibers[i].copies.assign(1, {});
    }
    for (;;) {
        bool progress = false;
        if (mixer) mixer->mix(order);
        for (unsigned i : order) {
            if (fibers[i].state != State::Ready) continue;
            resume(i);
            progress = true;
        }
        progress |= release_exchanges();
        progress |= release_barrier();
        if (!failure.empty()) return false;
        if (progress) continue;
        bool done = std::all_of(fibers, fibers + threads, [](const Fiber& f) { return f.state == State::Done; });
        if (!done) report_deadlock();
        return done;
    }
}

template <class... A, size_t... I>
void call(void (*kernel)(A...), void** arguments, std::index_sequence<I...>) {
    kernel(*static_cast<std::remove_reference_t<A>*>(arguments[I])...);
}

/// A kernel by name, with its parameter types erased.
struct Kernel {
    const char* name;
    void (*body)(void* kernel, void** arguments);
    void* address;
};

template <class... A> void body(void* kernel, void** arguments) {
    call(reinterpret_cast<void (*)(A...)>(kernel), arguments, std::index_sequence_for<A...>{});
}

template <class... A> Kernel kernel(const char* name, void (*function)(A...)) {
    return {name, body<A...>, reinterpret_cast<void*>(function)};
}

}  // namespace

void barrier(const char* file, int line) {
    yield(State::AtBarrier, {file, line});
}

uint64_t exchange(const char* file, int line, unsigned mask, uint64_t value, unsigned source) {
    Fiber& fiber = fibers[current];
    fiber.mask = mask;
    fiber.value = value;
    fiber.source = source;
    yield(State::AtExchange, {file, line});
    return fiber.value;
}

const uint64_t* gather(const char* file, int line, uint64_t value) {
    exchange(file, line, ~0u, value, lane());
    return exchanged_values[current / WARP];
}

unsigned lane() {
    return current % WARP;
}

void begin_copy(void* to, const void* from, unsigned bytes, unsigned left) {
    memset(to, 0xFF, bytes);
    fibers[current].copies.back().push_back({to, from, bytes, left});
}

void commit_copies() {
    fibers[current].copies.emplace_back();
}

void await_copies(unsigned groups) {
    auto& copies = fibers[current].copies;
    for (; copies.size() > groups + 1; copies.pop_front()) {
        for (const Copy& copy : copies.front()) {
            memset(copy.to, 0, copy.bytes);
            if (copy.left) memcpy(copy.to, copy.from, copy.left);
        }
    }
}

}  // namespace emulator

// Shared memory of the running block, one byte array for all kernels.
alignas(256) float4 shared[emulator::MOST_SHARED / sizeof(float4)];

#include "../stage.cu"
#include "../stage_large.cu"
#include "../stage_tensor.cu"

namespace {

const emulator::Kernel kernels[] = {
#define KERNEL(name) emulator::kernel(#name, name)
    KERNEL(stage),
    KERNEL(stage_large),
    KERNEL(stage_tensor),
#undef KERNEL
};

void begin_block(unsigned shared_bytes) {
#if SANITIZED
    ASAN_UNPOISON_MEMORY_REGION(shared, sizeof(shared));
#endif
    memset(shared, 0xFF, shared_bytes);
#if SANITIZED
    char* end = reinterpret_cast<char*>(shared) + shared_bytes;
    ASAN_POISON_MEMORY_REGION(end, sizeof(shared) - shared_bytes);
#endif
}

const emulator::Kernel* find(const char* name) {
    for (const emulator::Kernel& kernel : kernels) {
        if (strcmp(kernel.name, name) == 0) return &kernel;
    }
    return nullptr;
}

}  // namespace

/// Runs a kernel, with arguments as for `cuLaunchKernel`: a pointer to each. `order` 0 runs threads and blocks in turn,
/// any other shuffles both. Returns whether it ran; if not, `error` says why.
extern "C" bool plangrad_emulator_launch(const char* name, unsigned blocks, unsigned block_threads,
                                         unsigned shared_bytes, void** arguments, unsigned order, char* error,
                                         size_t error_bytes) {
    using namespace emulator;
    std::lock_guard<std::mutex> guard(one_launch);
    const Kernel* kernel = find(name);
    failure.clear();
    if (!kernel) failure = std::string("there is no kernel ") + name;
    if (block_threads == 0 || block_threads > MOST_THREADS) failure = "a block has 1 to 1024 threads";
    if (shared_bytes > MOST_SHARED) failure = "a block has at most 227 KiB of shared memory";
    if (failure.empty()) {
        threads = block_threads;
        block_size = {threads, 1, 1};
        grid_size = {blocks, 1, 1};
        kernel_body = kernel->body;
        kernel_address = kernel->address;
        kernel_arguments = arguments;
        std::vector<unsigned> thread_order(threads), block_order(blocks);
        for (unsigned i = 0; i < blocks; i++) block_order[i] = i;
        for (unsigned i = 0; i < threads; i++) {
            thread_order[i] = i;
            fibers[i].index = {i, 0, 0};
            if (!fibers[i].stack) fibers[i].stack = new char[STACK];
        }
        Order mixer(order);
        if (order) mixer.mix(block_order);
        for (unsigned block : block_order) {
            block_index = {block, 0, 0};
            begin_block(shared_bytes);
            if (!run_block(thread_order, order ? &mixer : nullptr)) break;
        }
    }
    snprintf(error, error_bytes, "%s", failure.c_str());
    return failure.empty();
}

/// Bytes of a launch's argument.
extern "C" size_t plangrad_emulator_argument_bytes() {
    return sizeof(Items);
}
