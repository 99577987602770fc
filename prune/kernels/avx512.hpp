/* AVX-512 with VPOPCNTDQ: rows and tiles.
 *
 * pack: one subtraction and one unsigned compare per vector; masks are joined in mask registers.
 *
 * PlainTile: 4 rows of a by 32 of b; xor, popcount, add: 3 operations per 512 bits. a's words come
 * from memory as broadcasts, so only the load ports see them. It is at the limit of Zen 5, which
 * starts 4 operations a cycle: 2.6 Tbit/s at 3.75 GHz, of which 2.2 to 2.4 were measured.
 *
 * CarryTile: 4 rows by 16; two words are added bit by bit before one popcount, and the ternary
 * logic that does it swallows the xor: 5 operations per 1024 bits. Intel's server cores start 2
 * operations a cycle and gain 5 to 12 % (1.2 to 1.27 against 1.13 Tbit/s at 16 384 bits and 3.5
 * GHz); Zen 5 starts fewer ternary operations than others and would lose 15 %.
 */
#ifndef SIGNS_AVX512_HPP
#define SIGNS_AVX512_HPP

#include <immintrin.h>

#include "rows.hpp"

namespace signs {

struct Avx512Rows {
    static __mmask16 test(Positive, __m512i x, __m512i infinity, int32_t) {
        return _mm512_cmplt_epu32_mask(_mm512_sub_epi32(x, _mm512_set1_epi32(1)), infinity);
    }
    static __mmask16 test(Nan, __m512i x, __m512i infinity, int32_t) {
        return _mm512_cmpgt_epu32_mask(_mm512_and_si512(x, _mm512_set1_epi32(0x7FFFFFFF)),
                                       infinity);
    }
    static __mmask32 test(Positive, __m512i x, __m512i infinity, int16_t) {
        return _mm512_cmplt_epu16_mask(_mm512_sub_epi16(x, _mm512_set1_epi16(1)), infinity);
    }
    static __mmask32 test(Nan, __m512i x, __m512i infinity, int16_t) {
        return _mm512_cmpgt_epu16_mask(_mm512_and_si512(x, _mm512_set1_epi16(0x7FFF)), infinity);
    }

    /* Asks for the lines a kilobyte ahead. Worth 10 to 15 % out of memory and 20 % out of the
     * second-level cache (Granite Rapids); beyond the end of the data it does no harm. */
    template <int lines>
    static void ask_ahead(const void *p) {
        for (int line = 0; line < lines; ++line)
            _mm_prefetch((const char *)p + 1024 + line * 64, _MM_HINT_T0);
    }

    template <class Test>
    static uint64_t mask(const int32_t *x, uint32_t infinity) {
        ask_ahead<4>(x);
        const __m512i limit = _mm512_set1_epi32((int)infinity);
        const __mmask16 m0 = test(Test(), _mm512_loadu_si512(x), limit, 0);
        const __mmask16 m1 = test(Test(), _mm512_loadu_si512(x + 16), limit, 0);
        const __mmask16 m2 = test(Test(), _mm512_loadu_si512(x + 32), limit, 0);
        const __mmask16 m3 = test(Test(), _mm512_loadu_si512(x + 48), limit, 0);
        return _mm512_kunpackd(_mm512_kunpackw(m3, m2), _mm512_kunpackw(m1, m0));
    }

    template <class Test>
    static uint64_t mask(const int16_t *x, uint32_t infinity) {
        ask_ahead<2>(x);
        const __m512i limit = _mm512_set1_epi16((short)infinity);
        const int16_t type = 0;
        const __mmask32 m0 = test(Test(), _mm512_loadu_si512(x), limit, type);
        const __mmask32 m1 = test(Test(), _mm512_loadu_si512(x + 32), limit, type);
        return _mm512_kunpackd(m1, m0);
    }

    /* Sum of the lanes. The zero-masked forms, here and below, avoid a warning of gcc 12. */
    static int64_t total(__m512i x) {
        const __m256i y = _mm256_add_epi64(_mm512_maskz_extracti64x4_epi64(0xFF, x, 0),
                                           _mm512_maskz_extracti64x4_epi64(0xFF, x, 1));
        const __m128i z = _mm_add_epi64(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1));
        return _mm_cvtsi128_si64(z) + _mm_extract_epi64(z, 1);
    }

    static __m512i ones_of(const uint64_t *a, const uint64_t *b) {
        return _mm512_popcnt_epi64(_mm512_xor_si512(_mm512_loadu_si512(a), _mm512_loadu_si512(b)));
    }

    static int64_t distance(const uint64_t *a, const uint64_t *b, int64_t words) {
        __m512i even = _mm512_setzero_si512(), odd = even;
        int64_t word = 0;
        for (; word + 32 <= words; word += 32) {
            ask_ahead<4>(a + word);
            ask_ahead<4>(b + word);
            even = _mm512_add_epi64(even, ones_of(a + word, b + word));
            odd = _mm512_add_epi64(odd, ones_of(a + word + 8, b + word + 8));
            even = _mm512_add_epi64(even, ones_of(a + word + 16, b + word + 16));
            odd = _mm512_add_epi64(odd, ones_of(a + word + 24, b + word + 24));
        }
        for (; word + 8 <= words; word += 8)
            even = _mm512_add_epi64(even, ones_of(a + word, b + word));
        if (word < words) {
            const __mmask8 here = (__mmask8)((1u << (words - word)) - 1);
            const __m512i rest = _mm512_xor_si512(_mm512_maskz_loadu_epi64(here, a + word),
                                                  _mm512_maskz_loadu_epi64(here, b + word));
            odd = _mm512_add_epi64(odd, _mm512_popcnt_epi64(rest));
        }
        return total(_mm512_add_epi64(even, odd));
    }

    static int64_t ones(const uint64_t *a, int64_t words) {
        __m512i sum = _mm512_setzero_si512();
        int64_t word = 0;
        for (; word + 8 <= words; word += 8)
            sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(_mm512_loadu_si512(a + word)));
        const __mmask8 here = (__mmask8)((1u << (words - word)) - 1);
        const __m512i rest = _mm512_maskz_loadu_epi64(here, a + word);
        return total(_mm512_add_epi64(sum, _mm512_popcnt_epi64(rest)));
    }
};

/* Rows of int32, a multiple of 16 long, written past the caches; false where they cannot be. */
template <int64_t columns>
inline bool stream_rows(const int32_t *tile, int64_t rows, int64_t width, int32_t *out) {
    if ((uintptr_t)out % 64 || width % 16) return false;
    for (int64_t row = 0; row < rows; ++row)
        for (int64_t column = 0; column < columns; column += 16)
            _mm512_stream_si512((__m512i *)(out + row * width + column),
                                _mm512_load_si512(tile + row * columns + column));
    return true;
}

template <int64_t columns>
inline bool stream_rows(const int32_t *, int64_t, int64_t, int64_t *) {
    return false;
}

inline __m512i everywhere(uint64_t word) { return _mm512_set1_epi64((long long)word); }

inline void store_counts(__m512i counts, int32_t *out) {
    _mm256_store_si256((__m256i *)out, _mm512_maskz_cvtepi64_epi32(0xFF, counts));
}

struct PlainTile {
    static const int64_t rows = 4, columns = 32;

    static void run(const uint64_t *const *a, const uint64_t *panel, int64_t words, int32_t *tile) {
        __m512i sum[4][4];
        for (int row = 0; row < 4; ++row)
            for (int part = 0; part < 4; ++part) sum[row][part] = _mm512_setzero_si512();
        const uint64_t *a0 = a[0], *a1 = a[1], *a2 = a[2], *a3 = a[3];
        for (int64_t word = 0; word < words; ++word, panel += columns) {
            const __m512i from_a[4] = {everywhere(a0[word]), everywhere(a1[word]),
                                       everywhere(a2[word]), everywhere(a3[word])};
            for (int part = 0; part < 4; ++part) {
                const __m512i b = _mm512_load_si512(panel + part * 8);
                for (int row = 0; row < 4; ++row) {
                    const __m512i differ = _mm512_xor_si512(b, from_a[row]);
                    sum[row][part] = _mm512_add_epi64(sum[row][part], _mm512_popcnt_epi64(differ));
                }
            }
        }
        for (int row = 0; row < 4; ++row)
            for (int part = 0; part < 4; ++part)
                store_counts(sum[row][part], tile + row * columns + part * 8);
    }

    template <class Out>
    static bool stream(const int32_t *tile, int64_t rows_here, int64_t width, Out *out) {
        return stream_rows<columns>(tile, rows_here, width, out);
    }
};

/* Ones of vectors a xor b that arrive two at a time: total counts pairs, odd holds the rest. */
struct CarryCounter {
    __m512i odd, total;

    CarryCounter() { odd = total = _mm512_setzero_si512(); }

    void add(__m512i a0, __m512i b0, __m512i a1, __m512i b1) {
        const __m512i half = _mm512_ternarylogic_epi64(odd, a0, b0, 0x96);
        const __m512i sum = _mm512_ternarylogic_epi64(half, a1, b1, 0x96);
        /* half ? ~sum : odd */
        const __m512i carry = _mm512_ternarylogic_epi64(half, sum, odd, 0x3A);
        odd = sum;
        total = _mm512_add_epi64(total, _mm512_popcnt_epi64(carry));
    }

    __m512i sum() const {
        return _mm512_add_epi64(_mm512_add_epi64(total, total), _mm512_popcnt_epi64(odd));
    }
};

struct CarryTile {
    static const int64_t rows = 4, columns = 16;

    static void run(const uint64_t *const *a, const uint64_t *panel, int64_t words, int32_t *tile) {
        CarryCounter count[4][2];
        int64_t word = 0;
#pragma GCC unroll 2 /* sums swap registers instead of being moved: 6 % */
        for (; word + 2 <= words; word += 2, panel += 2 * columns)
            for (int part = 0; part < 2; ++part) {
                const __m512i b0 = _mm512_load_si512(panel + part * 8);
                const __m512i b1 = _mm512_load_si512(panel + columns + part * 8);
                for (int row = 0; row < 4; ++row)
                    count[row][part].add(everywhere(a[row][word]), b0, everywhere(a[row][word + 1]),
                                         b1);
            }
        for (int row = 0; row < 4; ++row)
            for (int part = 0; part < 2; ++part) {
                __m512i counts = count[row][part].sum();
                if (word < words) {
                    const __m512i b = _mm512_load_si512(panel + part * 8);
                    const __m512i differ = _mm512_xor_si512(b, everywhere(a[row][word]));
                    counts = _mm512_add_epi64(counts, _mm512_popcnt_epi64(differ));
                }
                store_counts(counts, tile + row * columns + part * 8);
            }
    }

    template <class Out>
    static bool stream(const int32_t *tile, int64_t rows_here, int64_t width, Out *out) {
        return stream_rows<columns>(tile, rows_here, width, out);
    }
};

} /* namespace signs */

#endif
