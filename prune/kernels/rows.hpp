/* Row-wise kernels for any instruction set: pack, paired, fused, popcount, NaN count.
 *
 * An `Isa` provides, for T = int32_t and int16_t patterns,
 *   template <class Test> uint64_t mask(const T *x, uint32_t infinity)   64 elements -> 64 bits
 *   int64_t distance(const uint64_t *a, const uint64_t *b, int64_t words)
 *   int64_t ones(const uint64_t *a, int64_t words)
 *   const int pages   how many pages of memory are read side by side
 * and these templates add rows, strides, tails and types.
 */
#ifndef SIGNS_ROWS_HPP
#define SIGNS_ROWS_HPP

#include <string.h>

#include "signs.h"

namespace signs {

struct Positive {}; /* 0 < pattern <= infinity, as (unsigned)(pattern - 1) < infinity */
struct Nan {};      /* pattern without its sign bit > infinity */

static inline bool holds(Positive, uint32_t pattern, uint32_t infinity, uint32_t width_mask) {
    return ((pattern - 1u) & width_mask) < infinity;
}

static inline bool holds(Nan, uint32_t pattern, uint32_t infinity, uint32_t width_mask) {
    return (pattern & (width_mask >> 1)) > infinity;
}

/* The tail of a row as one word. A row of 64 elements or more ends in a word that overlaps the one
 * before it, so no element is read twice from beyond the row and no scalar loop runs. */
template <class Isa, class Test, class T>
inline uint64_t tail(const T *x, int64_t bits, uint32_t infinity) {
    const int rest = (int)(bits % 64);
    if (bits >= 64) return Isa::template mask<Test>(x + bits - 64, infinity) >> (64 - rest);
    T padded[64] = {0};
    memcpy(padded, x, (size_t)rest * sizeof(T));
    return Isa::template mask<Test>(padded, infinity);
}

/* Calls work(word) for every word from 0, several pages of memory side by side. A processor fetches
 * ahead within a page and stops at its end, so one stream of reads waits at every page; with four,
 * a Xeon of 2023 reads faster than a loop that only adds up what it reads. */
template <class Isa, class T, class Work>
inline void in_pages(int64_t words, const Work &work) {
    const int64_t page = 4096 / (64 * (int64_t)sizeof(T)), stride = Isa::pages * page;
    int64_t begin = 0;
    for (; Isa::pages > 1 && begin + stride <= words; begin += stride)
        for (int64_t word = begin; word < begin + page; ++word)
            for (int64_t at = word; at < word + stride; at += page) work(at);
    for (; begin < words; ++begin) work(begin);
}

template <class Isa, class T>
inline void pack_row(const T *x, int64_t bits, uint32_t infinity, uint64_t *codes) {
    const int64_t full = bits / 64;
    in_pages<Isa, T>(full, [=](int64_t word) {
        codes[word] = Isa::template mask<Positive>(x + word * 64, infinity);
    });
    if (bits % 64) codes[full] = tail<Isa, Positive>(x, bits, infinity);
}

template <class Isa, class T>
inline int pack(const signs_values &x, uint64_t *codes) {
    const int64_t words = (x.bits + 63) / 64;
    const T *data = (const T *)x.data;
    const uint32_t infinity = (uint32_t)x.type;
    if (x.stride == x.bits && x.bits % 64 == 0) { /* rows leave no trace: one long row */
        pack_row<Isa>(data, x.rows * x.bits, infinity, codes);
        return SIGNS_OK;
    }
    for (int64_t row = 0; row < x.rows; ++row)
        pack_row<Isa>(data + row * x.stride, x.bits, infinity, codes + row * words);
    return SIGNS_OK;
}

/* Packs 256 words at a time into the first-level cache, so that codes may be null or the stored
 * codes themselves. */
template <class Isa, class T>
inline int pack_hamming(const signs_values &x, const signs_codes &stored, uint64_t *codes,
                        int64_t *out) {
    const int64_t step = 256;
    uint64_t block[step];
    for (int64_t row = 0; row < x.rows; ++row) {
        const T *values = (const T *)x.data + row * x.stride;
        const uint64_t *old = stored.data + row * stored.stride;
        int64_t distance = 0;
        for (int64_t word = 0; word < stored.words; word += step) {
            const int64_t words = stored.words - word < step ? stored.words - word : step;
            const bool last = word + words == stored.words;
            if (last && x.bits % 64) {
                pack_row<Isa>(values + word * 64, (words - 1) * 64, (uint32_t)x.type, block);
                block[words - 1] = tail<Isa, Positive>(values, x.bits, (uint32_t)x.type);
            } else {
                pack_row<Isa>(values + word * 64, words * 64, (uint32_t)x.type, block);
            }
            distance += Isa::distance(block, old + word, words);
            if (codes) memcpy(codes + row * stored.words + word, block, (size_t)words * 8);
        }
        out[row] = distance;
    }
    return SIGNS_OK;
}

template <class Isa, class T>
inline int nans(const signs_values &x, int64_t *out) {
    const uint32_t infinity = (uint32_t)x.type;
    int64_t count = 0;
    for (int64_t row = 0; row < x.rows; ++row) {
        const T *values = (const T *)x.data + row * x.stride;
        in_pages<Isa, T>(x.bits / 64, [&](int64_t word) {
            count += __builtin_popcountll(Isa::template mask<Nan>(values + word * 64, infinity));
        });
        if (x.bits % 64) count += __builtin_popcountll(tail<Isa, Nan>(values, x.bits, infinity));
    }
    *out = count;
    return SIGNS_OK;
}

template <class Isa>
inline int hamming(const signs_codes &a, const signs_codes &b, int64_t *out) {
    for (int64_t row = 0; row < a.rows; ++row)
        out[row] = Isa::distance(a.data + row * a.stride, b.data + row * b.stride, a.words);
    return SIGNS_OK;
}

template <class Isa>
inline int popcount(const signs_codes &codes, int64_t *out) {
    for (int64_t row = 0; row < codes.rows; ++row)
        out[row] = Isa::ones(codes.data + row * codes.stride, codes.words);
    return SIGNS_OK;
}

} /* namespace signs */

#endif
