/* The exported functions of a backend: arguments checked, types chosen, work handed to `Backend`.
 *
 * Include last. `Backend` is the instruction set's class: what rows.hpp asks for, plus `here()`,
 * `scratch` (bytes) and `all_pairs(a, b, diagonal, scratch, out)`.
 */
#include "rows.hpp"
#include "tiles.hpp"

namespace {

bool good(const signs_values *x) {
    return x && x->rows >= 0 && x->bits >= 0 && x->stride >= x->bits &&
           (x->data || x->rows * x->bits == 0) &&
           (x->type == SIGNS_FLOAT32 || x->type == SIGNS_FLOAT16 || x->type == SIGNS_BFLOAT16);
}

bool good(const signs_codes *codes) {
    return codes && codes->rows >= 0 && codes->words >= 0 && codes->stride >= codes->words &&
           (codes->data || codes->rows * codes->words == 0);
}

bool good(const signs_codes *codes, int out_bytes, const void *scratch) {
    return good(codes) && ((uintptr_t)scratch % 64 == 0) && scratch &&
           (out_bytes == 8 || (out_bytes == 4 && codes->words < ((int64_t)1 << 25)));
}

template <class Out>
int symmetric(const signs_codes &a, int64_t first, int64_t last, void *scratch, Out *out) {
    const signs_codes rows = {a.data + first * a.stride, last - first, a.words, a.stride};
    const int code = Backend::all_pairs(rows, a, first, scratch, out + first * a.rows);
    signs::mirror(a.rows, first, last, out);
    return code;
}

} /* namespace */

int signs_abi(void) { return SIGNS_ABI; }

int signs_here(void) { return Backend::here() ? SIGNS_OK : SIGNS_NOT_HERE; }

int64_t signs_scratch(void) { return Backend::scratch; }

int signs_pack(const signs_values *x, uint64_t *codes) {
    if (!good(x) || (!codes && x->rows && x->bits)) return SIGNS_BAD_ARGUMENT;
    return x->type == SIGNS_FLOAT32 ? signs::pack<Backend, int32_t>(*x, codes)
                                    : signs::pack<Backend, int16_t>(*x, codes);
}

int signs_pack_hamming(const signs_values *x, const signs_codes *stored, uint64_t *codes,
                       int64_t *out) {
    if (!good(x) || !good(stored) || x->rows != stored->rows || (!out && x->rows) ||
        stored->words != (x->bits + 63) / 64)
        return SIGNS_BAD_ARGUMENT;
    return x->type == SIGNS_FLOAT32
               ? signs::pack_hamming<Backend, int32_t>(*x, *stored, codes, out)
               : signs::pack_hamming<Backend, int16_t>(*x, *stored, codes, out);
}

int signs_hamming(const signs_codes *a, const signs_codes *b, int64_t *out) {
    if (!good(a) || !good(b) || a->rows != b->rows || a->words != b->words || (!out && a->rows))
        return SIGNS_BAD_ARGUMENT;
    return signs::hamming<Backend>(*a, *b, out);
}

int signs_popcount(const signs_codes *codes, int64_t *out) {
    if (!good(codes) || (!out && codes->rows)) return SIGNS_BAD_ARGUMENT;
    return signs::popcount<Backend>(*codes, out);
}

int signs_nans(const signs_values *x, int64_t *out) {
    if (!good(x) || !out) return SIGNS_BAD_ARGUMENT;
    return x->type == SIGNS_FLOAT32 ? signs::nans<Backend, int32_t>(*x, out)
                                    : signs::nans<Backend, int16_t>(*x, out);
}

int signs_cdist(const signs_codes *a, const signs_codes *b, int out_bytes, void *scratch,
                void *out) {
    if (!good(a) || !good(b, out_bytes, scratch) || a->words != b->words) return SIGNS_BAD_ARGUMENT;
    if (!out && a->rows && b->rows) return SIGNS_BAD_ARGUMENT;
    return out_bytes == 4 ? Backend::all_pairs(*a, *b, signs::NO_DIAGONAL, scratch, (int32_t *)out)
                          : Backend::all_pairs(*a, *b, signs::NO_DIAGONAL, scratch, (int64_t *)out);
}

int signs_cdist_symmetric(const signs_codes *a, int64_t first, int64_t last, int out_bytes,
                          void *scratch, void *out) {
    if (!good(a, out_bytes, scratch) || first < 0 || first > last || last > a->rows || first % 64 ||
        (last % 64 && last != a->rows) || (!out && a->rows))
        return SIGNS_BAD_ARGUMENT;
    return out_bytes == 4 ? symmetric(*a, first, last, scratch, (int32_t *)out)
                          : symmetric(*a, first, last, scratch, (int64_t *)out);
}
