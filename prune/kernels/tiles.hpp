/* All-pairs distances in cache blocks, for any instruction set that brings a small tile kernel.
 *
 * A `Tile` compares `rows` rows of a with a panel of `columns` rows of b:
 *   void run(const uint64_t *const *a, const uint64_t *panel, int64_t words, int32_t *tile)
 * where panel[word * columns + column] interleaves the rows of b, so that a vector holds one word
 * of several rows and no sum ever runs across a vector. tile[row * columns + column] is the result.
 *
 * b is interleaved once per block of DEPTH words and at most PANEL_WORDS words, small enough for
 * the second-level cache; the rows of a are read in place. Where all words fit in one block the
 * result is written past the caches: at 1024 bits a distance costs less time than fetching its
 * cache line.
 */
#ifndef SIGNS_TILES_HPP
#define SIGNS_TILES_HPP

#include "signs.h"

namespace signs {

const int64_t DEPTH = 256; /* words of a row per block: a tile's counts fit any integer */
const int64_t PANEL_WORDS = 64 * 1024; /* 512 KiB */
const int64_t NO_DIAGONAL = INT64_MIN / 2;

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* panel[word, column] of rows first.. of b, words from..from+words-1; missing rows are zero. */
template <class Tile>
inline void interleave(const signs_codes &b, int64_t first, int64_t from, int64_t words,
                       uint64_t *panel) {
    const int64_t here = least(Tile::columns, b.rows - first);
    for (int64_t begin = 0; begin < words; begin += 8) { /* one cache line of every row at a time */
        const int64_t end = least(begin + 8, words);
        for (int64_t column = 0; column < here; ++column) {
            const uint64_t *row = b.data + (first + column) * b.stride + from;
            for (int64_t word = begin; word < end; ++word)
                panel[word * Tile::columns + column] = row[word];
        }
        for (int64_t column = here; column < Tile::columns; ++column)
            for (int64_t word = begin; word < end; ++word) panel[word * Tile::columns + column] = 0;
    }
}

/* out[i] (+)= counts[i] */
template <class Out>
inline void put(const int32_t *counts, int64_t count, bool add, Out *out) {
    if (add)
        for (int64_t i = 0; i < count; ++i) out[i] += counts[i];
    else
        for (int64_t i = 0; i < count; ++i) out[i] = counts[i];
}

/* out[row, column] (+)= tile[row, column] for the part of the tile that exists. */
template <class Tile, class Out>
inline void write(const int32_t *tile, int64_t rows_here, int64_t columns_here, int64_t width,
                  bool add, Out *out) {
    for (int64_t row = 0; row < rows_here; ++row, tile += Tile::columns, out += width)
        if (columns_here == Tile::columns) /* a constant, and so vectors */
            put(tile, Tile::columns, add, out);
        else
            put(tile, columns_here, add, out);
}

/* Distances of all rows of a to the rows of b in one interleaved block. Row i of a is row
 * `diagonal` + i of b; panels wholly left of that are skipped. */
template <class Tile, class Out>
inline void sweep(const signs_codes &a, int64_t from, int64_t words, const uint64_t *block,
                  int64_t first, int64_t last, int64_t diagonal, int64_t width, bool whole,
                  Out *out) {
    alignas(64) int32_t tile[Tile::rows * Tile::columns];
    for (int64_t i = 0; i < a.rows; i += Tile::rows) {
        const int64_t rows_here = least(Tile::rows, a.rows - i);
        const uint64_t *rows[Tile::rows];
        for (int64_t row = 0; row < Tile::rows; ++row)
            rows[row] = a.data + (i + least(row, rows_here - 1)) * a.stride + from;
        for (int64_t j = first; j < last; j += Tile::columns) {
            if (j + Tile::columns <= diagonal + i) continue;
            const int64_t columns_here = least(Tile::columns, last - j);
            Tile::run(rows, block + (j - first) * words, words, tile);
            Out *corner = out + i * width + j;
            if (whole && columns_here == Tile::columns &&
                Tile::stream(tile, rows_here, width, corner))
                continue;
            write<Tile>(tile, rows_here, columns_here, width, from > 0, corner);
        }
    }
}

template <class Tile, class Out>
inline int all_pairs(const signs_codes &a, const signs_codes &b, int64_t diagonal, void *scratch,
                     Out *out) {
    uint64_t *block = (uint64_t *)scratch;
    const int64_t depth = least(DEPTH, b.words);
    const int64_t columns = PANEL_WORDS / (depth ? depth : 1) / Tile::columns * Tile::columns;
    if (!b.words)
        for (int64_t i = 0; i < a.rows * b.rows; ++i) out[i] = 0;
    for (int64_t first = 0; first < b.rows; first += columns) {
        const int64_t last = least(first + columns, b.rows);
        if (last <= diagonal) continue;
        for (int64_t from = 0; from < b.words; from += DEPTH) {
            const int64_t words = least(DEPTH, b.words - from);
            for (int64_t j = first; j < last; j += Tile::columns)
                interleave<Tile>(b, j, from, words, block + (j - first) * words);
            sweep<Tile>(a, from, words, block, first, last, diagonal, b.rows, b.words <= DEPTH,
                        out);
        }
    }
    return SIGNS_OK;
}

/* out[j, i] = out[i, j] for first <= i < last, j > i, in squares that fit the first-level cache. */
template <class Out>
inline void mirror(int64_t rows, int64_t first, int64_t last, Out *out) {
    const int64_t side = 32;
    for (int64_t i = first; i < last; i += side)
        for (int64_t j = i; j < rows; j += side)
            for (int64_t column = j; column < least(j + side, rows); ++column)
                for (int64_t row = i; row < least(i + side, least(last, column)); ++row)
                    out[column * rows + row] = out[row * rows + column];
}

} /* namespace signs */

#endif
