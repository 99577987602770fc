/* The machine operations of cuda_machine.cuh on a CPU, one fiber per CUDA thread.
 *
 * The lanes of a warp take turns; each runs until it meets an operation that needs the others. By
 * its next turn every lane has left its operands in the warp's table, so results are those of lanes
 * in lockstep. Warps run one after another, each as far as it gets. Fragments of ldmatrix and mma
 * follow the layouts of the PTX manual, written out per element: an index error in a kernel gives a
 * wrong number here as it would there.
 */
#ifndef SIGNS_CUDA_EMULATOR_HPP
#define SIGNS_CUDA_EMULATOR_HPP

#include <stdint.h>
#include <string.h>

#define __shared__ static
#define DEVICE static inline
#define KERNEL extern "C" void
#define TENSOR_CORES 1
#define NATIVE_BITS 1

struct Dim3 {
    unsigned x, y, z;
};

extern Dim3 threadIdx, blockIdx, blockDim, gridDim;

struct Operands {
    u32 words[8];
    const void *pointer;
};

/* Leaves this lane's operands and returns the warp's table once all 32 lanes have done so. */
const Operands *exchange(const Operands &own);
void wait_for_block();

DEVICE int lane_here() { return (int)(threadIdx.x % 32); }

DEVICE u32 from_lane(u32 value, int xor_lane) {
    return exchange({{value}, 0})[lane_here() ^ xor_lane].words[0];
}

DEVICE u32 vote(bool bit) {
    const Operands *warp = exchange({{bit}, 0});
    u32 votes = 0;
    for (int lane = 0; lane < 32; ++lane) votes |= warp[lane].words[0] << lane;
    return votes;
}

DEVICE int ones(u32 x) { return __builtin_popcount(x); }
DEVICE u32 swap_bytes(u32 x) { return __builtin_bswap32(x); }

DEVICE u32 reverse(u32 x) {
    u32 y = 0;
    for (int bit = 0; bit < 32; ++bit) y |= (x >> bit & 1) << (31 - bit);
    return y;
}

DEVICE void add(int *to, i64 x) { *to += (int)x; }
DEVICE void add(i64 *to, i64 x) { *to += x; }

template <int table>
DEVICE u32 logic(u32 a, u32 b, u32 c) {
    u32 d = 0;
    for (int bit = 0; bit < 32; ++bit)
        d |= (u32)(table >> ((a >> bit & 1) << 2 | (b >> bit & 1) << 1 | (c >> bit & 1)) & 1)
             << bit;
    return d;
}

/* Copies happen when they are waited for, so that using a buffer too early shows. */
void copy_later(void *to, const void *from, int size, int bytes);
void close_copies();
void finish_copies(int open);

DEVICE void copy16(void *to, const void *from, int bytes) { copy_later(to, from, 16, bytes); }
DEVICE void copy8(void *to, const void *from, int bytes) { copy_later(to, from, 8, bytes); }

template <int open>
DEVICE void wait_for_copies() {
    finish_copies(open);
}

DEVICE void load_matrices(u32 (&x)[4], const void *row) {
    const Operands *warp = exchange({{0}, row});
    for (int matrix = 0; matrix < 4; ++matrix)
        memcpy(&x[matrix],
               (const char *)warp[matrix * 8 + lane_here() / 4].pointer + lane_here() % 4 * 4, 4);
}

/* Byte `byte` (0 to 31) of row `row` of a[16, 32], and of b[8, 32], from the lanes that hold them.
 */
DEVICE u32 byte_of_a(const Operands *warp, int row, int byte) {
    const Operands &lane = warp[row % 8 * 4 + byte % 16 / 4];
    return lane.words[row / 8 + byte / 16 * 2] >> byte % 4 * 8 & 0xFF;
}

DEVICE u32 byte_of_b(const Operands *warp, int row, int byte) {
    return warp[row * 4 + byte % 16 / 4].words[4 + byte / 16] >> byte % 4 * 8 & 0xFF;
}

template <class Product>
DEVICE void multiply_each(int (&sum)[4], const u32 (&a)[4], u32 b0, u32 b1, Product product) {
    const Operands *warp = exchange({{a[0], a[1], a[2], a[3], b0, b1}, 0});
    for (int i = 0; i < 4; ++i) {
        const int row = lane_here() / 4 + i / 2 * 8, column = lane_here() % 4 * 2 + i % 2;
        for (int byte = 0; byte < 32; ++byte)
            sum[i] += product(byte_of_a(warp, row, byte), byte_of_b(warp, column, byte));
    }
}

DEVICE void multiply_bits(int (&sum)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    multiply_each(sum, a, b0, b1, [](u32 x, u32 y) { return ones(x & y); });
}

DEVICE void multiply_bytes(int (&sum)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    multiply_each(sum, a, b0, b1, [](u32 x, u32 y) { return (int)(x * y); });
}

#endif
