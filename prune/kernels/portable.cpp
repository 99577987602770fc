/* Sign codes in plain C++: the backend of every machine that has a compiler and none of the others.
 *
 * Counts ones with shifts and masks; popcounts of libgcc would be a table look-up per byte.
 */
#include "rows.hpp"
#include "tiles.hpp"

namespace {

inline uint64_t ones_of(uint64_t x) {
    x -= (x >> 1) & 0x5555555555555555ull;
    x = (x & 0x3333333333333333ull) + ((x >> 2) & 0x3333333333333333ull);
    x = (x + (x >> 4)) & 0x0F0F0F0F0F0F0F0Full;
    return (x * 0x0101010101010101ull) >> 56;
}

struct Tile {
    static const int64_t rows = 1, columns = 8;

    static void run(const uint64_t *const *a, const uint64_t *panel, int64_t words, int32_t *tile) {
        for (int64_t column = 0; column < columns; ++column) tile[column] = 0;
        for (int64_t word = 0; word < words; ++word)
            for (int64_t column = 0; column < columns; ++column)
                tile[column] += (int32_t)ones_of(a[0][word] ^ panel[word * columns + column]);
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

    template <class Test, class T>
    static uint64_t mask(const T *x, uint32_t infinity) {
        const uint32_t width_mask = sizeof(T) == 4 ? 0xFFFFFFFFu : 0xFFFFu;
        uint64_t word = 0;
        for (int bit = 0; bit < 64; ++bit)
            word |= (uint64_t)signs::holds(Test(), (uint32_t)x[bit], infinity, width_mask) << bit;
        return word;
    }

    static int64_t distance(const uint64_t *a, const uint64_t *b, int64_t words) {
        int64_t sum = 0;
        for (int64_t word = 0; word < words; ++word) sum += (int64_t)ones_of(a[word] ^ b[word]);
        return sum;
    }

    static int64_t ones(const uint64_t *a, int64_t words) {
        int64_t sum = 0;
        for (int64_t word = 0; word < words; ++word) sum += (int64_t)ones_of(a[word]);
        return sum;
    }

    template <class Out>
    static int all_pairs(const signs_codes &a, const signs_codes &b, int64_t diagonal,
                         void *scratch, Out *out) {
        return signs::all_pairs<Tile>(a, b, diagonal, scratch, out);
    }
};

} /* namespace */

#include "entry.hpp"
