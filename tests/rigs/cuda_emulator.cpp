/* The part of the CUDA driver that the sign codes use, running their kernels on this CPU.
 *
 * Built together with signs.cu as a library in the place of libcuda.so.1: what Python passes to
 * cuLaunchKernel (names, grids, arguments by pointer) is what a real driver would get. A launch
 * with a grid, a block or an argument that a GPU refuses is refused here.
 */
#define SIGNS_EMULATED
#include "signs.cu"

#include <stdlib.h>
#include <ucontext.h>

#include <utility>
#include <vector>

Dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace {

struct Copy {
    void *to;
    const void *from;
    int size, bytes, group;
};

struct Fiber {
    ucontext_t context;
    std::vector<char> stack = std::vector<char>(128 << 10);
    std::vector<Copy> copies;
    int turn = 0, closed = 0, barrier = -1; /* the barrier it waits at */
    bool done = false;
};

std::vector<Fiber> fibers;
std::vector<Operands> tables[2];
ucontext_t scheduler;
int current, waiting, barriers, alive;
void (*body)(void **);
void **arguments;

void pause_here() { swapcontext(&fibers[current].context, &scheduler); }

void start() {
    body(arguments);
    fibers[current].done = true;
    --alive;
    pause_here();
}

/* Takes one warp as far as it gets without the others, so that a missing barrier shows. */
void run_warp(int first) {
    for (bool moved = true; moved;) {
        moved = false;
        for (current = first; current < first + 32; ++current) {
            if (fibers[current].done || fibers[current].barrier == barriers) continue;
            threadIdx.x = (unsigned)current;
            moved = true;
            swapcontext(&scheduler, &fibers[current].context);
        }
    }
}

void run_block() {
    const int count = (int)blockDim.x;
    if ((int)fibers.size() < count) fibers.resize(count);
    waiting = barriers = 0;
    alive = count;
    for (auto &table : tables) table.assign(count, Operands());
    for (int i = 0; i < count; ++i) {
        Fiber &fiber = fibers[i];
        fiber.done = false;
        fiber.turn = fiber.closed = 0;
        fiber.barrier = -1;
        fiber.copies.clear();
        getcontext(&fiber.context);
        fiber.context.uc_stack.ss_sp = fiber.stack.data();
        fiber.context.uc_stack.ss_size = fiber.stack.size();
        makecontext(&fiber.context, start, 0);
    }
    for (bool forwards = true; alive; forwards = !forwards)
        for (int i = 0; i < count; i += 32) run_warp(forwards ? i : count - 32 - i);
}

template <class... A, size_t... I>
void unpack(void (*kernel)(A...), void **given, std::index_sequence<I...>) {
    kernel(*(A *)given[I]...);
}

template <class... A>
void call(void (*kernel)(A...), void **given) {
    unpack(kernel, given, std::index_sequence_for<A...>());
}

struct Entry {
    const char *name;
    void (*body)(void **);
};

#define ENTRY(name) {#name, [](void **given) { call(name, given); }}
const Entry entries[] = {
    ENTRY(signs_pack_32),       ENTRY(signs_pack_16),      ENTRY(signs_nans_32),
    ENTRY(signs_nans_16),       ENTRY(signs_paired),       ENTRY(signs_cdist_popc_4),
    ENTRY(signs_cdist_popc_8),  ENTRY(signs_cdist_bits_4), ENTRY(signs_cdist_bits_8),
    ENTRY(signs_cdist_bytes_4), ENTRY(signs_cdist_bytes_8)};

} /* namespace */

const Operands *exchange(const Operands &own) {
    std::vector<Operands> &table = tables[fibers[current].turn++ % 2];
    table[current] = own;
    pause_here();
    return &table[current / 32 * 32];
}

void wait_for_block() {
    fibers[current].barrier = barriers;
    if (++waiting < alive) return pause_here();
    waiting = 0;
    ++barriers;
}

void copy_later(void *to, const void *from, int size, int bytes) {
    if ((uintptr_t)to % size || (uintptr_t)from % size) abort(); /* a fault on a GPU */
    fibers[current].copies.push_back({to, from, size, bytes, fibers[current].closed});
}

void close_copies() { ++fibers[current].closed; }

void finish_copies(int open) {
    std::vector<Copy> left;
    for (const Copy &copy : fibers[current].copies) {
        if (copy.group >= fibers[current].closed - open) {
            left.push_back(copy);
            continue;
        }
        memset(copy.to, 0, (size_t)copy.size);
        memcpy(copy.to, copy.from, (size_t)copy.bytes);
    }
    fibers[current].copies.swap(left);
}

extern "C" {

int capability = 80;      /* a test sets it */
void *last_stream = NULL; /* and reads this */

int cuInit(unsigned) { return 0; }

int cuDeviceGet(int *device, int ordinal) { return *device = ordinal, ordinal ? 101 : 0; }

int cuDeviceGetAttribute(int *value, int attribute, int) {
    *value = attribute == 75 ? capability / 10 : attribute == 76 ? capability % 10 : 4;
    return 0;
}

int cuModuleLoadData(void **module, const void *image) {
    return *module = (void *)image, strncmp((const char *)image, "emulated", 8) ? 200 : 0;
}

int cuModuleGetFunction(const void **function, void *, const char *name) {
    for (const Entry &entry : entries)
        if (!strcmp(entry.name, name)) return *function = &entry, 0;
    return 500;
}

int cuGetErrorName(int code, const char **name) {
    *name = code == 500 ? "CUDA_ERROR_NOT_FOUND"
            : code == 1 ? "CUDA_ERROR_INVALID_VALUE"
                        : "CUDA_ERROR";
    return 0;
}

int cuLaunchKernel(const void *function, unsigned x, unsigned y, unsigned z, unsigned threads,
                   unsigned threads_y, unsigned threads_z, unsigned, void *stream, void **given,
                   void **) {
    if (!x || !y || !z || y > 65535 || z > 65535 || !threads || threads > 1024) return 1;
    if (threads_y != 1 || threads_z != 1 || threads % 32) return 1;
    last_stream = stream;
    body = ((const Entry *)function)->body;
    arguments = given;
    blockDim = {threads, 1, 1};
    gridDim = {x, y, z};
    for (blockIdx.z = 0; blockIdx.z < z; ++blockIdx.z)
        for (blockIdx.y = 0; blockIdx.y < y; ++blockIdx.y)
            for (blockIdx.x = 0; blockIdx.x < x; ++blockIdx.x) run_block();
    return 0;
}
}
