/* All-pairs distances on tensor cores: |a xor b| = |a| + |b| - 2 |a and b|, Ampere and newer.
 *
 * Bits: one mma.m16n8k256 with AND and popcount, native on sm_80 to sm_90. (The XOR form is
 * emulated from sm_90 on, both forms from sm_100 on.)
 *
 * Bytes: for sm_100 and newer, eight mma.m16n8k32 of unsigned bytes on the same registers. Step i
 * keeps bit i of each byte of a, as 2^i, and the same bit of b mirrored to 2^(7-i): every product
 * is 2^7, one AND per operand expands four elements, and sums are exact below 2^24 bits.
 *
 * A block of 8 warps makes 128 by 128 distances; 512 bits of 256 rows pass through shared memory at
 * a time, three buffers deep (48 KiB). Chunks of 16 bytes are stored at c ^ (row / 2 % 4), which
 * spreads every ldmatrix over all banks. Each warp holds 64 by 32 sums in 64 registers.
 *
 * popc_a and popc_b are the rows' popcounts. blockIdx.z picks a share of the words, a multiple of
 * 8; shares are added to `out` where there are several (it then starts at zero).
 */
#ifndef SIGNS_CUDA_TENSOR_CUH
#define SIGNS_CUDA_TENSOR_CUH

#include "cuda_rows.cuh"

#if TENSOR_CORES

const int BLOCK = 128, CHUNK = 64, BUFFERS = 3; /* rows, bytes of a row, buffers */

struct alignas(16) Stage {
    unsigned char a[BLOCK * CHUNK], b[BLOCK * CHUNK];
};

struct Codes {
    const u64 *data;
    i64 rows, words, first, end; /* first row of the block, end of its share of the words */
};

DEVICE unsigned char *place(unsigned char *tile, int row, int piece) {
    return tile + row * CHUNK + (piece ^ (row / 2 % 4)) * 16;
}

/* Bytes, at most 16, that a row still has at `word`. */
DEVICE int bytes_left(const Codes &x, i64 row, i64 word) {
    const i64 left = row < x.rows ? (x.end - word) * 8 : 0;
    return left > 16 ? 16 : left > 0 ? (int)left : 0;
}

/* 512 bits of 128 rows, from word `from`, zeros where there are none. */
DEVICE void fetch(const Codes &x, i64 from, unsigned char *tile) {
    const bool pairs = x.words % 2 == 0 && (u64)x.data % 16 == 0;
    for (int i = (int)threadIdx.x; i < BLOCK * 4; i += (int)blockDim.x) {
        const i64 row = x.first + i / 4, word = from + i % 4 * 2;
        const int bytes = bytes_left(x, row, word);
        const u64 *source = bytes ? x.data + row * x.words + word : x.data;
        unsigned char *to = place(tile, i / 4, i % 4);
        if (pairs) {
            copy16(to, source, bytes);
        } else {
            copy8(to, source, bytes < 8 ? bytes : 8);
            copy8(to + 8, bytes > 8 ? source + 1 : x.data, bytes > 8 ? bytes - 8 : 0);
        }
    }
}

struct Bits {
    DEVICE void multiply(int (&sum)[4], const u32 (&a)[4], u32 b0, u32 b1) {
        multiply_bits(sum, a, b0, b1);
    }
    DEVICE u32 prepare(u32 b) { return b; }
    DEVICE i64 count(int sum) { return sum; }
};

struct Bytes {
    DEVICE void multiply(int (&sum)[4], const u32 (&a)[4], u32 b0, u32 b1) {
#pragma unroll
        for (int bit = 0; bit < 8; ++bit) {
            const u32 keep_a = 0x01010101u << bit, keep_b = 0x80808080u >> bit;
            const u32 kept[4] = {a[0] & keep_a, a[1] & keep_a, a[2] & keep_a, a[3] & keep_a};
            multiply_bytes(sum, kept, b0 & keep_b, b1 & keep_b);
        }
    }
    DEVICE u32 prepare(u32 b) { return swap_bytes(reverse(b)); } /* bits of every byte mirrored */
    DEVICE i64 count(int sum) { return sum >> 7; }
};

/* sums[4, 4] of 16 by 8 += one stage, for the warp whose 64 by 32 corner is at (down, across). */
template <class Form>
DEVICE void multiply_stage(Stage &stage, int down, int across, int (&sums)[4][4][4]) {
    const int lane = lane_of_warp();
#pragma unroll
    for (int half = 0; half < 2; ++half) { /* 256 bits: two pieces of 16 bytes */
        u32 a[4][4], b[2][4];
#pragma unroll
        for (int i = 0; i < 4; ++i) /* matrices: rows 0-7 and 8-15 of piece 0, then of piece 1 */
            load_matrices(a[i], place(stage.a, down + i * 16 + lane % 16, half * 2 + lane / 16));
#pragma unroll
        for (int j = 0; j < 2; ++j) { /* matrices: pieces 0 and 1 of rows 0-7, then of rows 8-15 */
            load_matrices(b[j], place(stage.b, across + j * 16 + lane / 16 * 8 + lane % 8,
                                      half * 2 + lane / 8 % 2));
#pragma unroll
            for (int k = 0; k < 4; ++k) b[j][k] = Form::prepare(b[j][k]);
        }
#pragma unroll
        for (int i = 0; i < 4; ++i)
#pragma unroll
            for (int j = 0; j < 4; ++j)
                Form::multiply(sums[i][j], a[i], b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
    }
}

/* The distance whose `and` count is `sum`; only the first share brings the popcounts. */
template <class Form, class Out>
DEVICE void put(int sum, i64 row, i64 column, const i64 *popc_a, const i64 *popc_b, i64 rows_a,
                i64 rows_b, Out *out) {
    if (row >= rows_a || column >= rows_b) return;
    const i64 both = blockIdx.z ? 0 : popc_a[row] + popc_b[column];
    const i64 distance = both - 2 * Form::count(sum);
    if (gridDim.z > 1)
        add(out + row * rows_b + column, distance);
    else
        out[row * rows_b + column] = (Out)distance;
}

template <class Form, class Out>
DEVICE void all_pairs_tensor(const u64 *a, i64 rows_a, const u64 *b, i64 rows_b, i64 words,
                             i64 share, const i64 *popc_a, const i64 *popc_b, Out *out) {
    __shared__ Stage stages[BUFFERS];
    const int warp = (int)threadIdx.x / 32, lane = lane_of_warp();
    const int down = warp / 4 * 64, across = warp % 4 * 32;
    const i64 begin = blockIdx.z * share, end = begin + share < words ? begin + share : words;
    const Codes x = {a, rows_a, words, (i64)blockIdx.y * BLOCK, end};
    const Codes y = {b, rows_b, words, (i64)blockIdx.x * BLOCK, end};
    const i64 chunks = (end - begin + 7) / 8;
    int sums[4][4][4] = {};
    for (i64 ahead = 0; ahead < BUFFERS - 1; ++ahead) {
        fetch(x, begin + ahead * 8, stages[ahead].a);
        fetch(y, begin + ahead * 8, stages[ahead].b);
        close_copies();
    }
    for (i64 chunk = 0; chunk < chunks; ++chunk) {
        wait_for_copies<BUFFERS - 2>();
        wait_for_block(); /* the chunk is there for all, and the buffer filled next is read by none
                           */
        const i64 next = chunk + BUFFERS - 1;
        fetch(x, begin + next * 8, stages[next % BUFFERS].a);
        fetch(y, begin + next * 8, stages[next % BUFFERS].b);
        close_copies();
        multiply_stage<Form>(stages[chunk % BUFFERS], down, across, sums);
    }
#pragma unroll
    for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j)
#pragma unroll
            for (int k = 0; k < 4; ++k) {
                const i64 row = x.first + down + i * 16 + k / 2 * 8 + lane / 4;
                const i64 column = y.first + across + j * 8 + lane % 4 * 2 + k % 2;
                put<Form>(sums[i][j][k], row, column, popc_a, popc_b, rows_a, rows_b, out);
            }
}

#define SIGNS_TENSOR_KERNEL(name, Form, Out)                                                       \
    KERNEL name(const u64 *a, i64 rows_a, const u64 *b, i64 rows_b, i64 words, i64 share,          \
                const i64 *popc_a, const i64 *popc_b, Out *out) {                                  \
        all_pairs_tensor<Form>(a, rows_a, b, rows_b, words, share, popc_a, popc_b, out);           \
    }

#if NATIVE_BITS
SIGNS_TENSOR_KERNEL(signs_cdist_bits_4, Bits, int)
SIGNS_TENSOR_KERNEL(signs_cdist_bits_8, Bits, i64)
#endif
SIGNS_TENSOR_KERNEL(signs_cdist_bytes_4, Bytes, int)
SIGNS_TENSOR_KERNEL(signs_cdist_bytes_8, Bytes, i64)

#endif
#endif
