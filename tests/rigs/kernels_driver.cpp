/* Runs cases from a file through one backend and compares with the expected output in the same
 * file.
 *
 * Linked with a backend's source, so that sanitizers and emulators see a plain program. Every input
 * lives in a heap block of exactly its size: reading one byte too many is an error that they
 * report. Case: 8 int64 (kind, rows, bits, stride, type, rows_b, out_bytes, 0), values or a's
 * codes, b's codes, expected codes, expected distances; each length follows from the kind.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signs.h"

enum { PACK, PACK_HAMMING, HAMMING, CDIST, SYMMETRIC, POPCOUNT, NANS };

static FILE *file;

static void *block(int64_t bytes) {
    void *memory = NULL;
    if (posix_memalign(&memory, 64, (size_t)(bytes ? bytes : 1))) exit(2);
    return memory;
}

static void *read_block(int64_t bytes) {
    void *memory = block(bytes);
    if (fread(memory, 1, (size_t)bytes, file) != (size_t)bytes) exit(2);
    return memory;
}

static int differs(const void *found, int64_t bytes) {
    void *expected = read_block(bytes);
    const int result = memcmp(found, expected, (size_t)bytes) != 0;
    free(expected);
    return result;
}

static int run_case(const int64_t *head) {
    const int64_t kind = head[0], rows = head[1], bits = head[2], stride = head[3],
                  rows_b = head[5];
    const int64_t words = (bits + 63) / 64, width = head[4] == SIGNS_FLOAT32 ? 4 : 2;
    const int is_values = kind == PACK || kind == PACK_HAMMING || kind == NANS;
    const int64_t size = is_values ? width : 8, columns = is_values ? bits : words;
    const int64_t elements = rows ? (rows - 1) * stride + columns : 0;
    void *a = read_block(elements * size);
    uint64_t *b = (uint64_t *)read_block(rows_b * words * 8);
    const signs_values x = {a, rows, bits, stride, (int32_t)head[4]};
    const signs_codes first = {(const uint64_t *)a, rows, words, stride};
    const signs_codes second = {b, rows_b, words, words};
    const int64_t columns_out = kind == CDIST ? rows_b : kind == SYMMETRIC ? rows : 1;
    const int64_t out_bytes = (kind == NANS ? 1 : rows * columns_out) * head[6];
    uint64_t *codes = (uint64_t *)block(rows * words * 8);
    void *out = block(out_bytes), *scratch = block(signs_scratch());
    int bad = 0;
    memset(codes, 0xA5, (size_t)(rows * words * 8));
    memset(out, 0xA5, (size_t)out_bytes);
    if (kind == PACK) bad = signs_pack(&x, codes);
    if (kind == PACK_HAMMING) bad = signs_pack_hamming(&x, &second, codes, (int64_t *)out);
    if (kind == HAMMING) bad = signs_hamming(&first, &second, (int64_t *)out);
    if (kind == CDIST) bad = signs_cdist(&first, &second, (int)head[6], scratch, out);
    if (kind == SYMMETRIC) {
        const int64_t middle = rows < 64 ? rows : 64;
        bad = signs_cdist_symmetric(&first, 0, middle, (int)head[6], scratch, out);
        if (!bad && middle < rows)
            bad = signs_cdist_symmetric(&first, middle, rows, (int)head[6], scratch, out);
    }
    if (kind == POPCOUNT) bad = signs_popcount(&first, (int64_t *)out);
    if (kind == NANS) bad = signs_nans(&x, (int64_t *)out);
    if (kind == PACK || kind == PACK_HAMMING) bad |= differs(codes, rows * words * 8);
    if (kind != PACK) bad |= differs(out, out_bytes);
    free(a);
    free(b);
    free(codes);
    free(out);
    free(scratch);
    return bad;
}

int main(int argc, char **argv) {
    int64_t head[8];
    int count = 0, wrong = 0;
    if (argc != 2 || !(file = fopen(argv[1], "rb"))) return 2;
    if (signs_abi() != SIGNS_ABI || signs_here()) return 3;
    for (; fread(head, sizeof head, 1, file) == 1; ++count)
        if (run_case(head)) {
            printf("case %d: kind %d, rows %d, bits %d\n", count, (int)head[0], (int)head[1],
                   (int)head[2]);
            ++wrong;
        }
    fclose(file);
    printf("%d cases, %d wrong\n", count, wrong);
    return wrong != 0;
}
