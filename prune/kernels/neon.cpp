/* Sign codes with Advanced SIMD (every 64-bit Arm: Nano, TX2, Xavier, Orin, Apple, Graviton).
 *
 * CNT counts the ones of 16 bytes in one operation, so xor, count and add are all there is: 3
 * operations per 128 bits, of which a Cortex-A57 starts 2 a cycle (about 85 bits a cycle). Bytes
 * hold the counts and are widened every 31 words (31 * 8 < 256). Tile: 4 rows of a by 8 of b.
 */
#include <arm_neon.h>

#include "rows.hpp"
#include "tiles.hpp"

namespace {

inline uint8x16_t bytes_of(const uint64_t *p) { return vreinterpretq_u8_u64(vld1q_u64(p)); }

inline uint64x2_t widen(uint8x16_t bytes) { return vpaddlq_u32(vpaddlq_u16(vpaddlq_u8(bytes))); }

/* Total ones of the vectors word(0), word(2), ... and of an odd last word rest(words - 1). */
template <class Word, class Rest>
inline int64_t count(int64_t words, Word word, Rest rest) {
    uint64x2_t total = vdupq_n_u64(0);
    int64_t at = 0;
    while (at + 4 <= words) {
        uint8x16_t even = vdupq_n_u8(0), odd = even;
        for (int round = 0; round < 31 && at + 4 <= words; ++round, at += 4) {
            even = vaddq_u8(even, vcntq_u8(word(at)));
            odd = vaddq_u8(odd, vcntq_u8(word(at + 2)));
        }
        total = vaddq_u64(total, vaddq_u64(widen(even), widen(odd)));
    }
    for (; at + 2 <= words; at += 2) total = vaddq_u64(total, widen(vcntq_u8(word(at))));
    int64_t sum = (int64_t)(vgetq_lane_u64(total, 0) + vgetq_lane_u64(total, 1));
    if (at < words) sum += vaddv_u8(vcnt_u8(vcreate_u8(rest(at))));
    return sum;
}

struct Tile {
    static const int64_t rows = 4, columns = 8;

    static void run(const uint64_t *const *a, const uint64_t *panel, int64_t words, int32_t *tile) {
        uint64x2_t total[4][4];
        for (int row = 0; row < 4; ++row)
            for (int pair = 0; pair < 4; ++pair) total[row][pair] = vdupq_n_u64(0);
        for (int64_t word = 0; word < words; word += 31, panel += 31 * columns)
            add(a, word, panel, signs::least(31, words - word), total);
        for (int row = 0; row < 4; ++row)
            for (int pair = 0; pair < 4; ++pair)
                vst1_s32(tile + row * columns + pair * 2,
                         vreinterpret_s32_u32(vmovn_u64(total[row][pair])));
    }

    static void add(const uint64_t *const *a, int64_t from, const uint64_t *panel, int64_t words,
                    uint64x2_t (*total)[4]) {
        uint8x16_t bytes[4][4];
        for (int row = 0; row < 4; ++row)
            for (int pair = 0; pair < 4; ++pair) bytes[row][pair] = vdupq_n_u8(0);
        for (int64_t word = 0; word < words; ++word, panel += columns)
            for (int row = 0; row < 4; ++row) {
                const uint8x16_t from_a = vreinterpretq_u8_u64(vld1q_dup_u64(a[row] + from + word));
                for (int pair = 0; pair < 4; ++pair) {
                    const uint8x16_t x = veorq_u8(from_a, bytes_of(panel + pair * 2));
                    bytes[row][pair] = vaddq_u8(bytes[row][pair], vcntq_u8(x));
                }
            }
        for (int row = 0; row < 4; ++row)
            for (int pair = 0; pair < 4; ++pair)
                total[row][pair] = vaddq_u64(total[row][pair], widen(bytes[row][pair]));
    }

    template <class Out>
    static bool stream(const int32_t *, int64_t, int64_t, Out *) {
        return false;
    }
};

struct Backend {
    static const int64_t scratch = signs::PANEL_WORDS * 8;
    static const int pages = 1;

    static bool here() { return true; }

    static uint32x4_t test(signs::Positive, int32x4_t x, int32x4_t infinity) {
        return vandq_u32(vcgtq_s32(x, vdupq_n_s32(0)), vcleq_s32(x, infinity));
    }
    static uint32x4_t test(signs::Nan, int32x4_t x, int32x4_t infinity) {
        return vcgtq_s32(vandq_s32(x, vdupq_n_s32(0x7FFFFFFF)), infinity);
    }
    static uint16x8_t test(signs::Positive, int16x8_t x, int16x8_t infinity) {
        return vandq_u16(vcgtq_s16(x, vdupq_n_s16(0)), vcleq_s16(x, infinity));
    }
    static uint16x8_t test(signs::Nan, int16x8_t x, int16x8_t infinity) {
        return vcgtq_s16(vandq_s16(x, vdupq_n_s16(0x7FFF)), infinity);
    }

    /* 16 elements -> 16 bytes of ones or zeros. */
    template <class Test>
    static uint8x16_t sixteen(const int16_t *x, uint32_t infinity) {
        const int16x8_t limit = vdupq_n_s16((int16_t)infinity);
        return vuzp1q_u8(vreinterpretq_u8_u16(test(Test(), vld1q_s16(x), limit)),
                         vreinterpretq_u8_u16(test(Test(), vld1q_s16(x + 8), limit)));
    }

    template <class Test>
    static uint8x16_t sixteen(const int32_t *x, uint32_t infinity) {
        const int32x4_t limit = vdupq_n_s32((int32_t)infinity);
        const uint16x8_t low =
            vuzp1q_u16(vreinterpretq_u16_u32(test(Test(), vld1q_s32(x), limit)),
                       vreinterpretq_u16_u32(test(Test(), vld1q_s32(x + 4), limit)));
        const uint16x8_t high =
            vuzp1q_u16(vreinterpretq_u16_u32(test(Test(), vld1q_s32(x + 8), limit)),
                       vreinterpretq_u16_u32(test(Test(), vld1q_s32(x + 12), limit)));
        return vuzp1q_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high));
    }

    /* Each byte keeps the bit of its place; three rounds of pairwise sums join eight of them. */
    template <class Test, class T>
    static uint64_t mask(const T *x, uint32_t infinity) {
        const uint8x16_t place = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201ull));
        const uint8x16_t m0 = vandq_u8(sixteen<Test>(x, infinity), place);
        const uint8x16_t m1 = vandq_u8(sixteen<Test>(x + 16, infinity), place);
        const uint8x16_t m2 = vandq_u8(sixteen<Test>(x + 32, infinity), place);
        const uint8x16_t m3 = vandq_u8(sixteen<Test>(x + 48, infinity), place);
        const uint8x16_t quarters = vpaddq_u8(vpaddq_u8(m0, m1), vpaddq_u8(m2, m3));
        return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(quarters, quarters)), 0);
    }

    static int64_t distance(const uint64_t *a, const uint64_t *b, int64_t words) {
        return count(
            words, [=](int64_t at) { return veorq_u8(bytes_of(a + at), bytes_of(b + at)); },
            [=](int64_t at) { return a[at] ^ b[at]; });
    }

    static int64_t ones(const uint64_t *a, int64_t words) {
        return count(
            words, [=](int64_t at) { return bytes_of(a + at); }, [=](int64_t at) { return a[at]; });
    }

    template <class Out>
    static int all_pairs(const signs_codes &a, const signs_codes &b, int64_t diagonal,
                         void *scratch, Out *out) {
        return signs::all_pairs<Tile>(a, b, diagonal, scratch, out);
    }
};

} /* namespace */

#include "entry.hpp"
