/* Reads memory and does next to nothing with it: the bound of kernels that are not compute-bound.
 * Sixteen independent sums keep the load ports busy; compiled with -O3 -march=native. */
#include <stdint.h>

uint64_t read_bound(const uint64_t *words, int64_t count) {
    uint64_t sums[16] = {0}, total = 0;
    for (int64_t at = 0; at + 16 <= count; at += 16)
        for (int lane = 0; lane < 16; ++lane) sums[lane] += words[at + lane];
    for (int lane = 0; lane < 16; ++lane) total += sums[lane];
    return total;
}
