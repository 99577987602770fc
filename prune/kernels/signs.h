/* signs.h: the contract of every sign-code backend. One shared library per backend exports exactly
 * these names; a caller that can use one of them can use all of them.
 *
 * Sign code: bit = 1 iff 0 < pattern <= pattern of +inf, patterns read as signed integers of the
 * element's width. +0, -0, negatives, -inf and all NaNs give 0; positive denormals and +inf give 1.
 * No float is ever compared, so rounding and flush-to-zero modes change nothing.
 *
 * Layout: element j of a row is bit j % 64 of word j / 64 (LSB first). A row of `bits` elements has
 * (bits + 63) / 64 words, with zero bits behind its last element. x[row * stride + j] and
 * codes[row * stride + word]; strides count elements (words), at least the row's length.
 *
 * Ranges: counts are exact. Paired distances and popcounts are int64; all-pairs distances are int32
 * or int64, and int32 requires words < 2^25 (2^31 bits), else SIGNS_BAD_ARGUMENT.
 *
 * Behaviour: 0 is success, anything else an error below and an output not to be used. Nothing is
 * allocated, printed or kept between calls, and no thread is started. Every function may run in
 * many threads at once, on disjoint outputs. Inputs are never written.
 *
 * Alignment: values to their own size, words and outputs to 8 bytes, scratch to 64.
 */
#ifndef SIGNS_H
#define SIGNS_H

#include <stdint.h>

#define SIGNS_ABI 1

#ifdef __cplusplus
#define SIGNS_EXPORT extern "C" __attribute__((visibility("default")))
#else
#define SIGNS_EXPORT
#endif

enum { SIGNS_OK = 0, SIGNS_BAD_ARGUMENT = 1, SIGNS_NOT_HERE = 2 };

/* Element types, named by their pattern of +inf. */
enum { SIGNS_FLOAT32 = 0x7F800000, SIGNS_FLOAT16 = 0x7C00, SIGNS_BFLOAT16 = 0x7F80 };

typedef struct {
    const void *data; /* x[rows, bits], elements of a row adjacent */
    int64_t rows, bits, stride;
    int32_t type;
} signs_values;

typedef struct {
    const uint64_t *data; /* codes[rows, words], words of a row adjacent */
    int64_t rows, words, stride;
} signs_codes;

/* SIGNS_ABI of the library, to be checked before anything else is called. */
SIGNS_EXPORT int signs_abi(void);

/* SIGNS_OK where this CPU and this operating system can run the library, else SIGNS_NOT_HERE. */
SIGNS_EXPORT int signs_here(void);

/* codes[rows, words], contiguous. */
SIGNS_EXPORT int signs_pack(const signs_values *x, uint64_t *codes);

/* out[row] = distance of the code of x[row] to stored[row]. The code itself is written to
 * codes[rows, words] unless codes is NULL; codes may be stored.data when that is contiguous, which
 * keeps one set of codes and replaces it. */
SIGNS_EXPORT int signs_pack_hamming(const signs_values *x, const signs_codes *stored,
                                    uint64_t *codes, int64_t *out);

/* out[row] = distance of a[row] to b[row]; both have the same rows and words. */
SIGNS_EXPORT int signs_hamming(const signs_codes *a, const signs_codes *b, int64_t *out);

/* out[row] = number of ones of codes[row]. */
SIGNS_EXPORT int signs_popcount(const signs_codes *codes, int64_t *out);

/* out[0] = number of NaNs in x; their bits are 0 like any negative's. */
SIGNS_EXPORT int signs_nans(const signs_values *x, int64_t *out);

/* Bytes of scratch, aligned to 64, that one call of the two functions below needs. */
SIGNS_EXPORT int64_t signs_scratch(void);

/* out[rows of a, rows of b] of int32 (out_bytes 4) or int64 (8) = all distances. */
SIGNS_EXPORT int signs_cdist(const signs_codes *a, const signs_codes *b, int out_bytes,
                             void *scratch, void *out);

/* The same of a against itself, for its rows first..last-1 only: writes out[i, j] and out[j, i] of
 * the whole matrix for first <= i < last, i <= j. `first` is a multiple of 64, and so is `last`
 * unless it is the number of rows; calls on disjoint ranges may run at once. */
SIGNS_EXPORT int signs_cdist_symmetric(const signs_codes *a, int64_t first, int64_t last,
                                       int out_bytes, void *scratch, void *out);

#endif
