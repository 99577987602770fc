/* Row-wise CUDA kernels: pack (with or without distances to stored codes), paired, popcount, NaNs.
 *
 * pack: a warp makes 32 words of 32 bits from 1024 elements. Each lane loads 16 bytes at a time (4
 * or 8 elements), turns them into bits by integer arithmetic, and the lanes that share a word
 * exchange what the others need: 7 shuffles per 1024 fp32 elements, 3 per 1024 of 16 bits; the
 * words leave as one line of 128 bytes. Ends of rows and rows off a 16-byte border take one vote
 * per word instead.
 *
 * paired: `lanes` neighbours share a segment of a row, a word of 8 bytes each, 8 of them in flight.
 *
 * Distances are added to out[row], which starts at zero. Offsets are 64 bits everywhere.
 */
#ifndef SIGNS_CUDA_ROWS_CUH
#define SIGNS_CUDA_ROWS_CUH

#include "cuda_machine.cuh"

struct Four {
    u32 x, y, z, w;
};

DEVICE int lane_of_warp() { return (int)(threadIdx.x % 32); }
DEVICE i64 thread_of_grid() { return (i64)blockIdx.x * blockDim.x + threadIdx.x; }

/* 1 iff 0 < pattern <= infinity; 16-bit patterns in the low half. */
template <class T>
DEVICE bool is_positive(T pattern, u32 infinity) {
    return (u32)(T)(pattern - 1) < infinity;
}

/* Two 16-bit patterns at once: bits 15 and 31. Setting a sign before subtracting keeps borrows in.
 */
DEVICE u32 positive_halves(u32 pair, u32 infinity) {
    const u32 signs = 0x80008000u, limit = infinity * 0x00010001u;
    const u32 not_zero = (pair | signs) - 0x00010001u;
    const u32 not_above = (limit | signs) - (pair & ~signs);
    return not_zero & not_above & ~pair & signs;
}

/* Bits of the elements in 16 bytes, element 0 lowest. */
DEVICE u32 bits_of(Four v, u32 infinity, u32) {
    return (u32)is_positive(v.x, infinity) | (u32)is_positive(v.y, infinity) << 1 |
           (u32)is_positive(v.z, infinity) << 2 | (u32)is_positive(v.w, infinity) << 3;
}

DEVICE u32 bits_of(Four v, u32 infinity, unsigned short) {
    const u32 even_odd = positive_halves(v.x, infinity) >> 15 |
                         positive_halves(v.y, infinity) >> 13 |
                         positive_halves(v.z, infinity) >> 11 | positive_halves(v.w, infinity) >> 9;
    return (even_odd | even_odd >> 15) & 0xFF;
}

/* Of `count` words per lane that `count` neighbours filled in parts, each neighbour keeps one
 * whole. */
template <int count>
DEVICE u32 gather(u32 (&parts)[count], int lane) {
    for (int half = count / 2; half; half /= 2)
        for (int i = 0; i < half; ++i) {
            const bool upper = (lane & half) != 0;
            const u32 mine = upper ? parts[i + half] : parts[i];
            const u32 theirs = upper ? parts[i] : parts[i + half];
            parts[i] = mine | from_lane(theirs, half);
        }
    return parts[0];
}

/* Word `lane` (by `slot`) of the 1024 elements at x, 16-byte aligned. */
template <class T>
DEVICE u32 whole_chunk(const T *x, u32 infinity, int lane, int &slot) {
    const int each = 16 / sizeof(T), sharers = 32 / each, rounds = 1024 / (32 * each);
    u32 parts[rounds];
    for (int round = 0; round < rounds; ++round) {
        const Four v = *(const Four *)(x + (round * 32 + lane) * each);
        parts[round] = bits_of(v, infinity, T()) << (lane % sharers * each);
    }
    slot = lane % sharers * (32 / sharers) + lane / sharers;
    return gather(parts, lane);
}

/* The same of fewer elements, or of elements anywhere. */
template <class T>
DEVICE u32 part_chunk(const T *x, i64 left, u32 infinity, int lane) {
    u32 word = 0;
    for (int i = 0; i < 32; ++i) {
        const i64 element = i * 32 + lane;
        const u32 votes =
            vote(element < left && is_positive(x[element < left ? element : 0], infinity));
        if (lane == i) word = votes;
    }
    return word;
}

DEVICE int sum_of_lanes(int x, int lanes) {
    for (int half = lanes / 2; half; half /= 2) x += (int)from_lane((u32)x, half);
    return x;
}

template <class T>
DEVICE void pack_rows(const T *x, i64 rows, i64 bits, i64 stride, u32 infinity, const u32 *stored,
                      u32 *codes, i64 *out) {
    const int lane = lane_of_warp();
    const i64 words = (bits + 63) / 64 * 2, chunks = (words + 31) / 32;
    const i64 row = thread_of_grid() / 32 / chunks, chunk = thread_of_grid() / 32 % chunks;
    if (row >= rows) return;
    const T *from = x + row * stride + chunk * 1024;
    const i64 left = bits - chunk * 1024;
    int slot = lane;
    const bool whole = left >= 1024 && (u64)from % 16 == 0;
    const u32 word =
        whole ? whole_chunk(from, infinity, lane, slot) : part_chunk(from, left, infinity, lane);
    const i64 at = row * words + chunk * 32 + slot;
    const bool inside = chunk * 32 + slot < words;
    if (out) {
        const int distance = sum_of_lanes(inside ? ones(word ^ stored[at]) : 0, 32);
        if (lane == 0) add(out + row, distance);
    }
    if (inside) codes[at] = word;
}

KERNEL signs_pack_32(const u32 *x, i64 rows, i64 bits, i64 stride, u32 infinity, const u32 *stored,
                     u32 *codes, i64 *out) {
    pack_rows(x, rows, bits, stride, infinity, stored, codes, out);
}

KERNEL signs_pack_16(const unsigned short *x, i64 rows, i64 bits, i64 stride, u32 infinity,
                     const u32 *stored, u32 *codes, i64 *out) {
    pack_rows(x, rows, bits, stride, infinity, stored, codes, out);
}

DEVICE int ones64(u64 x) { return ones((u32)x) + ones((u32)(x >> 32)); }

/* out[row] += ones of a[row] ^ b[row], or of a[row] where b is null; contiguous codes. Each `lanes`
 * threads take one of `segments` parts of a row. */
KERNEL signs_paired(const u64 *a, const u64 *b, i64 rows, i64 words, int lanes, i64 segments,
                    i64 *out) {
    const i64 team = thread_of_grid() / lanes;
    const int member = (int)(thread_of_grid() % lanes);
    const i64 row = team / segments < rows ? team / segments : rows - 1;
    const bool idle = team / segments >= rows;
    const i64 length = (words + segments - 1) / segments, first = team % segments * length;
    const i64 end = first + length < words ? first + length : words;
    int count = 0;
    if (!idle) {
        const u64 *from_a = a + row * words, *from_b = b ? b + row * words : 0;
#pragma unroll 8
        for (i64 word = first + member; word < end; word += lanes)
            count += ones64(from_b ? from_a[word] ^ from_b[word] : from_a[word]);
    }
    count = sum_of_lanes(count, lanes);
    if (member == 0 && !idle) add(out + row, count);
}

/* out[0] += NaNs of 1024 elements of a row, one warp each. */
template <class T>
DEVICE void count_nans(const T *x, i64 rows, i64 bits, i64 stride, u32 infinity, i64 *out) {
    const u32 magnitude = sizeof(T) == 4 ? 0x7FFFFFFFu : 0x7FFFu;
    const i64 chunks = (bits + 1023) / 1024, warp = thread_of_grid() / 32;
    if (warp / chunks >= rows) return;
    const T *row = x + warp / chunks * stride;
    const i64 first = warp % chunks * 1024, end = first + 1024 < bits ? first + 1024 : bits;
    int count = 0;
    for (i64 i = first + lane_of_warp(); i < end; i += 32) count += (row[i] & magnitude) > infinity;
    count = sum_of_lanes(count, 32);
    if (lane_of_warp() == 0 && count) add(out, count);
}

KERNEL signs_nans_32(const u32 *x, i64 rows, i64 bits, i64 stride, u32 infinity, i64 *out) {
    count_nans(x, rows, bits, stride, infinity, out);
}

KERNEL signs_nans_16(const unsigned short *x, i64 rows, i64 bits, i64 stride, u32 infinity,
                     i64 *out) {
    count_nans(x, rows, bits, stride, infinity, out);
}

#endif
