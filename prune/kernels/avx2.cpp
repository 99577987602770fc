/* Sign codes with AVX2 (every x86 since Haswell and Zen).
 *
 * Counting bits costs 7 operations per vector here (two table look-ups by half bytes), so four
 * words are first added bit by bit: three carry-save adders of 5 operations leave one vector of
 * weight 4 to be counted: 6.5 operations per 256 bits instead of 8, 384 against 313 Gbit/s measured
 * at 16 384 bits and 3.5 GHz. Bytes hold the counts and are emptied every 31 rounds (31 * 8 < 256).
 */
#include <immintrin.h>

#include "cpu_x86.hpp"
#include "rows.hpp"
#include "tiles.hpp"

namespace {

inline __m256i load(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }

/* Ones of every byte. */
inline __m256i ones_of(__m256i x) {
    const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1,
                                           2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i low = _mm256_set1_epi8(0x0F);
    const __m256i high = _mm256_and_si256(_mm256_srli_epi16(x, 4), low);
    return _mm256_add_epi8(_mm256_shuffle_epi8(table, _mm256_and_si256(x, low)),
                           _mm256_shuffle_epi8(table, high));
}

/* Sums of the bytes of each 64-bit lane. */
inline __m256i lanes(__m256i bytes) { return _mm256_sad_epu8(bytes, _mm256_setzero_si256()); }

/* Bitwise sum + a + b = 2 * result + sum (after). */
inline __m256i carry(__m256i &sum, __m256i a, __m256i b) {
    const __m256i half = _mm256_xor_si256(sum, a);
    const __m256i out = _mm256_or_si256(_mm256_and_si256(sum, a), _mm256_and_si256(half, b));
    sum = _mm256_xor_si256(half, b);
    return out;
}

/* Ones per 64-bit lane of vectors that arrive four at a time. */
struct Counter {
    __m256i once, twice, bytes, total;

    Counter() { once = twice = bytes = total = _mm256_setzero_si256(); }

    void add(__m256i a, __m256i b, __m256i c, __m256i d) {
        const __m256i ab = carry(once, a, b), cd = carry(once, c, d);
        bytes = _mm256_add_epi8(bytes, ones_of(carry(twice, ab, cd)));
    }

    void empty() { /* weight 4 */
        total = _mm256_add_epi64(total, _mm256_slli_epi64(lanes(bytes), 2));
        bytes = _mm256_setzero_si256();
    }

    void add(__m256i a) { total = _mm256_add_epi64(total, lanes(ones_of(a))); }

    __m256i sum() {
        empty();
        const __m256i rest = _mm256_add_epi8(ones_of(once), _mm256_slli_epi16(ones_of(twice), 1));
        return _mm256_add_epi64(total, lanes(rest));
    }
};

inline int64_t sum_of(__m256i x) {
    const __m128i y = _mm_add_epi64(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    return _mm_cvtsi128_si64(y) + _mm_extract_epi64(y, 1);
}

/* Total ones of word(0), word(4), ...: `word` gives four words, `rest` the last at most three. */
template <class Word, class Rest>
inline int64_t count(int64_t words, Word word, Rest rest) {
    Counter counter;
    int64_t at = 0;
    while (at + 16 <= words) {
        for (int round = 0; round < 31 && at + 16 <= words; ++round, at += 16)
            counter.add(word(at), word(at + 4), word(at + 8), word(at + 12));
        counter.empty();
    }
    for (; at + 4 <= words; at += 4) counter.add(word(at));
    int64_t total = sum_of(counter.sum());
    for (; at < words; ++at) total += __builtin_popcountll(rest(at));
    return total;
}

struct Tile {
    static const int64_t rows = 1, columns = 8;

    static void run(const uint64_t *const *a, const uint64_t *panel, int64_t words, int32_t *tile) {
        Counter left, right;
        int64_t word = 0;
        while (word + 4 <= words) {
            for (int round = 0; round < 31 && word + 4 <= words; ++round, word += 4, panel += 32) {
                const __m256i a0 = row(a, word), a1 = row(a, word + 1), a2 = row(a, word + 2),
                              a3 = row(a, word + 3);
                left.add(differ(a0, panel), differ(a1, panel + 8), differ(a2, panel + 16),
                         differ(a3, panel + 24));
                right.add(differ(a0, panel + 4), differ(a1, panel + 12), differ(a2, panel + 20),
                          differ(a3, panel + 28));
            }
            left.empty();
            right.empty();
        }
        for (; word < words; ++word, panel += 8) {
            left.add(differ(row(a, word), panel));
            right.add(differ(row(a, word), panel + 4));
        }
        alignas(32) int64_t sums[8];
        _mm256_store_si256((__m256i *)sums, left.sum());
        _mm256_store_si256((__m256i *)(sums + 4), right.sum());
        for (int column = 0; column < 8; ++column) tile[column] = (int32_t)sums[column];
    }

    static __m256i row(const uint64_t *const *a, int64_t word) {
        return _mm256_set1_epi64x((long long)a[0][word]);
    }

    static __m256i differ(__m256i a, const uint64_t *panel) {
        return _mm256_xor_si256(a, load(panel));
    }

    template <class Out>
    static bool stream(const int32_t *, int64_t, int64_t, Out *) {
        return false;
    }
};

struct Backend {
    static const int64_t scratch = signs::PANEL_WORDS * 8;
    static const int pages = 4;

    static bool here() { return signs::has_avx2(); }

    /* AVX2 compares signed numbers only: x - 1 < infinity without signs is the same with the top
     * bits turned over, which adding the lowest number does. */
    static __m256i test(signs::Positive, __m256i x, __m256i infinity, int32_t) {
        const __m256i lowest = _mm256_set1_epi32(INT32_MIN);
        return _mm256_cmpgt_epi32(_mm256_add_epi32(infinity, lowest),
                                  _mm256_add_epi32(x, _mm256_set1_epi32(INT32_MAX)));
    }
    static __m256i test(signs::Nan, __m256i x, __m256i infinity, int32_t) {
        return _mm256_cmpgt_epi32(_mm256_and_si256(x, _mm256_set1_epi32(0x7FFFFFFF)), infinity);
    }
    static __m256i test(signs::Positive, __m256i x, __m256i infinity, int16_t) {
        const __m256i lowest = _mm256_set1_epi16(INT16_MIN);
        return _mm256_cmpgt_epi16(_mm256_add_epi16(infinity, lowest),
                                  _mm256_add_epi16(x, _mm256_set1_epi16(INT16_MAX)));
    }
    static __m256i test(signs::Nan, __m256i x, __m256i infinity, int16_t) {
        return _mm256_cmpgt_epi16(_mm256_and_si256(x, _mm256_set1_epi16(0x7FFF)), infinity);
    }

    /* 32 elements -> 32 bits; packing works on halves of 128 bits, the permutation mends the order.
     */
    template <class Test>
    static uint64_t half(const int32_t *x, __m256i infinity) {
        const int32_t type = 0;
        const __m256i low = _mm256_packs_epi32(test(Test(), load(x), infinity, type),
                                               test(Test(), load(x + 8), infinity, type));
        const __m256i high = _mm256_packs_epi32(test(Test(), load(x + 16), infinity, type),
                                                test(Test(), load(x + 24), infinity, type));
        const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        const __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
        return (uint32_t)_mm256_movemask_epi8(bytes);
    }

    template <class Test>
    static uint64_t half(const int16_t *x, __m256i infinity) {
        const int16_t type = 0;
        const __m256i bytes = _mm256_packs_epi16(test(Test(), load(x), infinity, type),
                                                 test(Test(), load(x + 16), infinity, type));
        return (uint32_t)_mm256_movemask_epi8(_mm256_permute4x64_epi64(bytes, 0xD8));
    }

    template <class Test, class T>
    static uint64_t mask(const T *x, uint32_t infinity) {
        const __m256i limit =
            sizeof(T) == 4 ? _mm256_set1_epi32((int)infinity) : _mm256_set1_epi16((short)infinity);
        return half<Test>(x, limit) | half<Test>(x + 32, limit) << 32;
    }

    static int64_t distance(const uint64_t *a, const uint64_t *b, int64_t words) {
        return count(
            words, [=](int64_t at) { return _mm256_xor_si256(load(a + at), load(b + at)); },
            [=](int64_t at) { return a[at] ^ b[at]; });
    }

    static int64_t ones(const uint64_t *a, int64_t words) {
        return count(
            words, [=](int64_t at) { return load(a + at); }, [=](int64_t at) { return a[at]; });
    }

    template <class Out>
    static int all_pairs(const signs_codes &a, const signs_codes &b, int64_t diagonal,
                         void *scratch, Out *out) {
        return signs::all_pairs<Tile>(a, b, diagonal, scratch, out);
    }
};

} /* namespace */

#include "entry.hpp"
