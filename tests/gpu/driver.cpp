// A stand-in for NVIDIA's driver library, for machines without a GPU: the functions of libcuda.so.1 that plangrad calls, over
// the emulator of the kernels (crates/tensor/kernels/emulator), and those of libnvidia-ml.so.1.
//
// It is as late as a GPU may be: what is asked of a stream is done when somebody waits for it, and pinned memory of the host
// is read only then. So a buffer that is used again too early, or memory given back too early, shows as a wrong result or an
// error. Device memory begins full of ones.
//
// The environment says what kind of machine it is: FAKE_CUDA_VERSION, FAKE_CUDA_INIT (a code that cuInit gives),
// FAKE_CUDA_COUNT, FAKE_CUDA_CAPABILITY (75), FAKE_CUDA_MEMORY (bytes), FAKE_CUDA_REFUSE (number of the allocation that is
// refused, from 1), FAKE_CUDA_REFUSE_GRAPH (the same of graphs), FAKE_CUDA_REFUSE_PINNED (whether no memory is pinned),
// FAKE_CUDA_FAIL (number of the launch of a graph, from 1, in which the GPU fails, for good), FAKE_CUDA_NO_CHAINS (whether no
// launch may begin before the one ahead of it is done), FAKE_CUDA_EAGER_COPIES (whether all streams but the first, on which
// is computed, are as early as they may be).

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

extern "C" bool plangrad_emulator_launch(const char* name, unsigned blocks, unsigned threads, unsigned shared_bytes,
                                         void** arguments, unsigned order, char* error, size_t error_bytes);
extern "C" size_t plangrad_emulator_argument_bytes();

namespace {

enum Code {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    NOT_INITIALIZED = 3,
    NO_DEVICE = 100,
    INVALID_DEVICE = 101,
    INVALID_IMAGE = 200,
    INVALID_CONTEXT = 201,
    NO_BINARY_FOR_GPU = 209,
    INVALID_PTX = 218,
    NOT_FOUND = 500,
    LAUNCH_FAILED = 719,
    NOT_SUPPORTED = 801,
    DRIVER_MISMATCH = 803,
    CAPTURE_INVALIDATED = 901,
};

using Work = std::function<Code()>;

constexpr uint64_t CONTEXT_BYTES = 8 << 20, OTHERS_BYTES = 4 << 20, GRANULE = 2 << 20;

uint64_t setting(const char* name, uint64_t otherwise) {
    const char* text = getenv(name);
    return text ? strtoull(text, nullptr, 10) : otherwise;
}

struct Graph {
    std::vector<Work> work;
};

struct Stream {
    std::deque<Work> waiting;
    uint64_t asked = 0, done = 0;
    std::unique_ptr<Graph> recording;
};

struct Event {
    Stream* stream = nullptr;
    uint64_t after = 0;
};

// All state, guarded by one lock, as everything here is.
std::recursive_mutex lock;
bool is_started = false;
int context_users = 0;
thread_local bool has_context = false;
Code sticky = SUCCESS;
uint64_t allocations = 0, taken = 0;
std::map<uint64_t, uint64_t> device_memory;
std::map<uint64_t, uint64_t> pinned_memory;
std::vector<Stream*> streams;

uint64_t total() {
    return setting("FAKE_CUDA_MEMORY", 512ull << 20);
}
uint64_t used() {
    return OTHERS_BYTES + (context_users ? CONTEXT_BYTES : 0) + taken;
}

bool lies_in(const std::map<uint64_t, uint64_t>& memory, uint64_t address, uint64_t bytes) {
    auto next = memory.upper_bound(address);
    if (next == memory.begin()) return false;
    auto found = std::prev(next);
    return address + bytes <= found->first + found->second;
}

Code fail(Code code, const std::string& why) {
    fprintf(stderr, "fake driver: %s\n", why.c_str());
    return sticky = code;
}

Code ready() {
    if (sticky) return sticky;
    if (!is_started) return NOT_INITIALIZED;
    return has_context ? SUCCESS : INVALID_CONTEXT;
}

/// Does the first `count` things that were ever asked of a stream.
Code drain(Stream& stream, uint64_t count) {
    while (stream.done < count && !sticky) {
        Work work = std::move(stream.waiting.front());
        stream.waiting.pop_front();
        stream.done++;
        if (Code code = work()) sticky = code;
    }
    return sticky;
}

Code drain_all() {
    for (Stream* stream : streams) drain(*stream, stream->asked);
    return sticky;
}

Code ask(Stream& stream, Work work) {
    if (stream.recording) {
        stream.recording->work.push_back(std::move(work));
    } else {
        stream.waiting.push_back(std::move(work));
        stream.asked++;
        if (&stream != streams.front() && setting("FAKE_CUDA_EAGER_COPIES", 0)) return drain(stream, stream.asked);
    }
    return SUCCESS;
}

Work copy(uint64_t to, const void* from, size_t bytes, std::shared_ptr<std::vector<char>> kept) {
    return [=] {
        if (!lies_in(device_memory, to, bytes)) return fail(LAUNCH_FAILED, "a copy to memory that is not reserved");
        if (!kept && !lies_in(pinned_memory, uint64_t(from), bytes)) {
            return fail(LAUNCH_FAILED, "a copy from pinned memory that was given back");
        }
        memcpy(reinterpret_cast<void*>(to), kept ? kept->data() : from, bytes);
        return SUCCESS;
    };
}

const std::map<Code, std::pair<const char*, const char*>> words = {
    {SUCCESS, {"CUDA_SUCCESS", "no error"}},
    {INVALID_VALUE, {"CUDA_ERROR_INVALID_VALUE", "invalid argument"}},
    {OUT_OF_MEMORY, {"CUDA_ERROR_OUT_OF_MEMORY", "out of memory"}},
    {NO_DEVICE, {"CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"}},
    {INVALID_DEVICE, {"CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"}},
    {LAUNCH_FAILED, {"CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"}},
    {DRIVER_MISMATCH,
     {"CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "system has unsupported display driver / cuda driver combination"}},
};

/// What is left when the program ends normally is told: memory, streams and contexts are to be given back.
struct Leaks {
    ~Leaks() {
        size_t left = device_memory.size() + pinned_memory.size() + streams.size() + context_users;
        if (left && !sticky) fprintf(stderr, "fake driver: %zu things were not given back\n", left);
    }
} leaks;

}  // namespace

#define GUARD std::lock_guard<std::recursive_mutex> guard(lock)
#define READY             \
    GUARD;                \
    if (Code code = ready()) return code

extern "C" {

Code cuDriverGetVersion(int* version) {
    *version = int(setting("FAKE_CUDA_VERSION", 12080));
    return SUCCESS;
}

Code cuInit(unsigned) {
    GUARD;
    Code code = Code(setting("FAKE_CUDA_INIT", 0));
    is_started = code == SUCCESS;
    return code;
}

Code cuGetErrorName(Code code, const char** text) {
    auto found = words.find(code);
    if (found == words.end()) return INVALID_VALUE;
    *text = found->second.first;
    return SUCCESS;
}

Code cuGetErrorString(Code code, const char** text) {
    auto found = words.find(code);
    if (found == words.end()) return INVALID_VALUE;
    *text = found->second.second;
    return SUCCESS;
}

Code cuDeviceGetCount(int* count) {
    *count = int(setting("FAKE_CUDA_COUNT", 1));
    return SUCCESS;
}

Code cuDeviceGet(int* device, int index) {
    *device = index;
    return index < int(setting("FAKE_CUDA_COUNT", 1)) ? SUCCESS : INVALID_DEVICE;
}

Code cuDeviceGetName(char* text, int bytes, int) {
    snprintf(text, size_t(bytes), "Emulated GPU");
    return SUCCESS;
}

Code cuDeviceTotalMem_v2(size_t* bytes, int) {
    *bytes = total();
    return SUCCESS;
}

Code cuDeviceGetAttribute(int* value, int which, int) {
    int capability = int(setting("FAKE_CUDA_CAPABILITY", 90));
    constexpr int MULTIPROCESSORS = 16, MAJOR = 75, MINOR = 76;
    *value = which == MAJOR ? capability / 10 : which == MINOR ? capability % 10 : which == MULTIPROCESSORS ? 132 : 0;
    return SUCCESS;
}

Code cuDeviceGetPCIBusId(char* text, int bytes, int device) {
    snprintf(text, size_t(bytes), "00000000:%02X:00.0", device);
    return SUCCESS;
}

Code cuDevicePrimaryCtxRetain(void** context, int) {
    GUARD;
    if (used() + CONTEXT_BYTES > total()) return OUT_OF_MEMORY;
    context_users++;
    *context = &context_users;
    return SUCCESS;
}

Code cuDevicePrimaryCtxRelease_v2(int) {
    GUARD;
    context_users--;
    return SUCCESS;
}

Code cuCtxGetCurrent(void** context) {
    *context = has_context ? &context_users : nullptr;
    return SUCCESS;
}

Code cuCtxSetCurrent(void* context) {
    has_context = context != nullptr;
    return SUCCESS;
}

Code cuCtxSynchronize() {
    READY;
    return drain_all();
}

Code cuMemGetInfo_v2(size_t* free, size_t* all) {
    READY;
    *all = total();
    *free = total() - used();
    return SUCCESS;
}

Code cuModuleLoadData(void** module, const void* image) {
    READY;
    const char* text = static_cast<const char*>(image);
    const char* target = strstr(text, ".target sm_");
    if (!target || !strstr(text, ".version ") || !strstr(text, ".entry ")) return INVALID_IMAGE;
    uint64_t oldest = strtoull(target + strlen(".target sm_"), nullptr, 10);
    if (oldest > setting("FAKE_CUDA_CAPABILITY", 90)) return NO_BINARY_FOR_GPU;
    if (oldest < 90 && strstr(text, "griddepcontrol")) return INVALID_PTX;
    *module = strdup(text);
    return SUCCESS;
}

Code cuModuleGetFunction(void** function, void* module, const char* name) {
    READY;
    if (!strstr(static_cast<char*>(module), (std::string(".entry ") + name + "(").c_str())) return NOT_FOUND;
    *function = strdup(name);
    return SUCCESS;
}

Code cuModuleUnload(void* module) {
    READY;
    Code code = drain_all();
    free(module);
    return code;
}

Code cuFuncSetAttribute(void*, int, int) {
    return SUCCESS;
}

Code cuStreamCreate(void** stream, unsigned) {
    READY;
    streams.push_back(new Stream);
    *stream = streams.back();
    return SUCCESS;
}

Code cuStreamDestroy_v2(void* stream) {
    READY;
    Stream& s = *static_cast<Stream*>(stream);
    drain(s, s.asked);
    streams.erase(std::find(streams.begin(), streams.end(), &s));
    delete &s;
    return sticky;
}

Code cuStreamSynchronize(void* stream) {
    READY;
    Stream& s = *static_cast<Stream*>(stream);
    return s.recording ? CAPTURE_INVALIDATED : drain(s, s.asked);
}

Code cuEventCreate(void** event, unsigned) {
    READY;
    *event = new Event;
    return SUCCESS;
}

Code cuEventRecord(void* event, void* stream) {
    READY;
    Stream* s = static_cast<Stream*>(stream);
    *static_cast<Event*>(event) = {s, s->asked};
    return SUCCESS;
}

Code cuEventSynchronize(void* event) {
    READY;
    Event& e = *static_cast<Event*>(event);
    return e.stream ? drain(*e.stream, e.after) : SUCCESS;
}

Code cuStreamWaitEvent(void* stream, void* event, unsigned) {
    READY;
    return ask(*static_cast<Stream*>(stream),
               [e = *static_cast<Event*>(event)] { return e.stream ? drain(*e.stream, e.after) : SUCCESS; });
}

Code cuEventDestroy_v2(void* event) {
    GUARD;
    delete static_cast<Event*>(event);
    return SUCCESS;
}

Code cuMemAlloc_v2(uint64_t* address, size_t bytes) {
    READY;
    uint64_t rounded = (bytes + GRANULE - 1) / GRANULE * GRANULE;
    if (++allocations == setting("FAKE_CUDA_REFUSE", 0) || used() + rounded > total()) return OUT_OF_MEMORY;
    void* start = aligned_alloc(256, (bytes + 255) / 256 * 256);
    memset(start, 0xFF, bytes);
    *address = uint64_t(start);
    device_memory[*address] = bytes;
    taken += rounded;
    return SUCCESS;
}

Code cuMemFree_v2(uint64_t address) {
    READY;
    drain_all();
    auto found = device_memory.find(address);
    if (found == device_memory.end()) return fail(INVALID_VALUE, "memory that was not reserved is given back");
    taken -= (found->second + GRANULE - 1) / GRANULE * GRANULE;
    device_memory.erase(found);
    free(reinterpret_cast<void*>(address));
    return SUCCESS;
}

Code cuMemHostAlloc(void** start, size_t bytes, unsigned) {
    READY;
    if (setting("FAKE_CUDA_REFUSE_PINNED", 0)) return OUT_OF_MEMORY;
    *start = malloc(bytes);
    pinned_memory[uint64_t(*start)] = bytes;
    return SUCCESS;
}

Code cuMemFreeHost(void* start) {
    READY;
    pinned_memory.erase(uint64_t(start));
    free(start);
    return SUCCESS;
}

Code cuMemsetD8Async(uint64_t to, unsigned char value, size_t bytes, void* stream) {
    READY;
    return ask(*static_cast<Stream*>(stream), [=] {
        if (!lies_in(device_memory, to, bytes)) return fail(LAUNCH_FAILED, "memory that is not reserved is set");
        memset(reinterpret_cast<void*>(to), value, bytes);
        return SUCCESS;
    });
}

Code cuMemsetD32Async(uint64_t to, unsigned value, size_t count, void* stream) {
    READY;
    return ask(*static_cast<Stream*>(stream), [=] {
        if (!lies_in(device_memory, to, 4 * count)) return fail(LAUNCH_FAILED, "memory that is not reserved is set");
        std::fill_n(reinterpret_cast<unsigned*>(to), count, value);
        return SUCCESS;
    });
}

Code cuMemcpyHtoDAsync_v2(uint64_t to, const void* from, size_t bytes, void* stream) {
    READY;
    if (bytes == 0) return fail(INVALID_VALUE, "a copy of nothing");
    std::shared_ptr<std::vector<char>> kept;
    if (!lies_in(pinned_memory, uint64_t(from), bytes)) {
        const char* start = static_cast<const char*>(from);
        kept = std::make_shared<std::vector<char>>(start, start + bytes);
    }
    return ask(*static_cast<Stream*>(stream), copy(to, from, bytes, kept));
}

Code cuMemcpyDtoHAsync_v2(void* to, uint64_t from, size_t bytes, void* stream) {
    READY;
    if (bytes == 0) return fail(INVALID_VALUE, "a copy of nothing");
    Stream& s = *static_cast<Stream*>(stream);
    if (Code code = drain(s, s.asked)) return code;
    if (!lies_in(device_memory, from, bytes)) return fail(INVALID_VALUE, "a copy from memory that is not reserved");
    memcpy(to, reinterpret_cast<void*>(from), bytes);
    return SUCCESS;
}

struct LaunchConfig {
    unsigned blocks, blocks_y, blocks_z, threads, threads_y, threads_z, shared_bytes;
    Stream* stream;
    const unsigned* attributes;
    unsigned attribute_count;
};

Code cuLaunchKernelEx(const LaunchConfig* config, void* function, void** arguments, void**) {
    READY;
    const LaunchConfig launch = *config;
    if (launch.attribute_count) {
        constexpr unsigned PROGRAMMATIC_STREAM_SERIALIZATION = 6;
        bool is_known = launch.attribute_count == 1 && *launch.attributes == PROGRAMMATIC_STREAM_SERIALIZATION;
        if (!is_known || setting("FAKE_CUDA_CAPABILITY", 90) < 90) return fail(INVALID_VALUE, "an unknown attribute");
        if (setting("FAKE_CUDA_NO_CHAINS", 0)) return NOT_SUPPORTED;
    }
    const char* start = static_cast<const char*>(arguments[0]);
    auto items = std::make_shared<std::vector<char>>(start, start + plangrad_emulator_argument_bytes());
    const char* name = static_cast<const char*>(function);
    return ask(*launch.stream, [=] {
        char error[512];
        void* argument = items->data();
        bool ran = plangrad_emulator_launch(name, launch.blocks, launch.threads, launch.shared_bytes, &argument, 0, error,
                                            sizeof(error));
        return ran ? SUCCESS : fail(LAUNCH_FAILED, error);
    });
}

Code cuStreamBeginCapture_v2(void* stream, unsigned) {
    READY;
    static_cast<Stream*>(stream)->recording = std::make_unique<Graph>();
    return SUCCESS;
}

Code cuStreamEndCapture(void* stream, void** graph) {
    READY;
    *graph = static_cast<Stream*>(stream)->recording.release();
    return SUCCESS;
}

Code cuGraphInstantiateWithFlags(void** executable, void* graph, uint64_t) {
    READY;
    static uint64_t graphs = 0;
    if (++graphs == setting("FAKE_CUDA_REFUSE_GRAPH", 0)) return OUT_OF_MEMORY;
    *executable = new Graph(*static_cast<Graph*>(graph));
    return SUCCESS;
}

Code cuGraphUpload(void*, void*) {
    READY;
    return SUCCESS;
}

Code cuGraphLaunch(void* executable, void* stream) {
    READY;
    static uint64_t runs = 0;
    Stream& s = *static_cast<Stream*>(stream);
    if (++runs == setting("FAKE_CUDA_FAIL", 0)) return ask(s, [] { return LAUNCH_FAILED; });
    for (const Work& work : static_cast<Graph*>(executable)->work) ask(s, work);
    return SUCCESS;
}

Code cuGraphExecDestroy(void* executable) {
    GUARD;
    delete static_cast<Graph*>(executable);
    return SUCCESS;
}

Code cuGraphDestroy(void* graph) {
    GUARD;
    delete static_cast<Graph*>(graph);
    return SUCCESS;
}

unsigned nvmlInit_v2() {
    return 0;
}

unsigned nvmlSystemGetDriverVersion(char* text, unsigned bytes) {
    snprintf(text, bytes, "570.1.2");
    return 0;
}

unsigned nvmlDeviceGetHandleByPciBusId_v2(const char*, void** device) {
    *device = &context_users;
    return 0;
}

unsigned nvmlDeviceGetMemoryInfo(void*, uint64_t* memory) {
    GUARD;
    memory[0] = total();
    memory[1] = total() - used();
    memory[2] = used();
    return 0;
}

}  // extern "C"
