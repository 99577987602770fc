/* All-pairs distances with the popcount unit: Nano, TX2, Xavier and every GPU before Ampere.
 *
 * POPC runs at a quarter of the rate of logic, so two 32-bit words of a xor b are first added bit
 * by bit to what is left over: three LOP3 (which swallow the xor) and one POPC per two words, half
 * of the POPCs of the plain form. A second level would make logic the limit. 64 by 64 distances per
 * block, 4 by 4 per thread; codes pass through shared memory, transposed, 16 words at a time.
 *
 * Range: a block's counts are int32, so its share of the words is at most 2^24; blockIdx.z picks
 * the share, and shares are added to `out` where there are several (it then starts at zero).
 */
#ifndef SIGNS_CUDA_PAIRS_CUH
#define SIGNS_CUDA_PAIRS_CUH

#include "cuda_rows.cuh"

const int SIDE = 64, DEPTH = 16;

/* tile[word, row] of rows first.. of x[rows, words]; zero where there are none. */
DEVICE void stage(const u64 *x, i64 rows, i64 words, i64 first, i64 from, i64 end,
                  u64 (*tile)[SIDE]) {
    const int row = (int)threadIdx.x / 4, begin = (int)threadIdx.x % 4 * 4;
    for (int i = 0; i < 4; ++i) {
        const i64 word = from + begin + i;
        const bool there = first + row < rows && word < end;
        tile[begin + i][row] = there ? x[(first + row) * words + word] : 0;
    }
}

DEVICE void count_pair(u64 a, u64 b, u32 &odd, int &pairs) {
    const u32 half = logic<0x96>(odd, (u32)a, (u32)b);
    const u32 sum = logic<0x96>(half, (u32)(a >> 32), (u32)(b >> 32));
    pairs += ones(logic<0x3A>(half, sum, odd)); /* half ? ~sum : odd */
    odd = sum;
}

template <class Out>
DEVICE void all_pairs(const u64 *a, i64 rows_a, const u64 *b, i64 rows_b, i64 words, i64 share,
                      Out *out) {
    __shared__ u64 from_a[DEPTH][SIDE], from_b[DEPTH][SIDE];
    const int down = (int)threadIdx.x / 16, across = (int)threadIdx.x % 16;
    const i64 top = (i64)blockIdx.y * SIDE, left = (i64)blockIdx.x * SIDE;
    const i64 begin = blockIdx.z * share, end = begin + share < words ? begin + share : words;
    u32 odd[4][4] = {};
    int pairs[4][4] = {};
    for (i64 from = begin; from < end; from += DEPTH) {
        stage(a, rows_a, words, top, from, end, from_a);
        stage(b, rows_b, words, left, from, end, from_b);
        wait_for_block();
        for (int word = 0; word < DEPTH; ++word)
#pragma unroll
            for (int i = 0; i < 4; ++i)
#pragma unroll
                for (int j = 0; j < 4; ++j)
                    count_pair(from_a[word][down + 16 * i], from_b[word][across + 16 * j],
                               odd[i][j], pairs[i][j]);
        wait_for_block();
    }
#pragma unroll
    for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) {
            const i64 row = top + down + 16 * i, column = left + across + 16 * j;
            if (row >= rows_a || column >= rows_b) continue;
            const i64 distance = 2 * (i64)pairs[i][j] + ones(odd[i][j]);
            if (gridDim.z > 1)
                add(out + row * rows_b + column, distance);
            else
                out[row * rows_b + column] = (Out)distance;
        }
}

KERNEL signs_cdist_popc_4(const u64 *a, i64 rows_a, const u64 *b, i64 rows_b, i64 words, i64 share,
                          int *out) {
    all_pairs(a, rows_a, b, rows_b, words, share, out);
}

KERNEL signs_cdist_popc_8(const u64 *a, i64 rows_a, const u64 *b, i64 rows_b, i64 words, i64 share,
                          i64 *out) {
    all_pairs(a, rows_a, b, rows_b, words, share, out);
}

#endif
