/* Sign codes with AVX-512 and VPOPCNTDQ (Ice Lake, Zen 4 and newer). */
#include "avx512.hpp"
#include "cpu_x86.hpp"
#include "tiles.hpp"

namespace {

struct Backend : signs::Avx512Rows {
    static const int64_t scratch = signs::PANEL_WORDS * 8;
    static const int pages = 4;

    static bool here() { return signs::has_avx512(); }

    template <class Out>
    static int all_pairs(const signs_codes &a, const signs_codes &b, int64_t diagonal,
                         void *scratch, Out *out) {
        return signs::is_intel() ? signs::all_pairs<signs::CarryTile>(a, b, diagonal, scratch, out)
                                 : signs::all_pairs<signs::PlainTile>(a, b, diagonal, scratch, out);
    }
};

} /* namespace */

#include "entry.hpp"
