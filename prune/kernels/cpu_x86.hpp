/* What this x86 CPU can run and its operating system saves, from CPUID and XGETBV.
 *
 * Not __builtin_cpu_supports: it needs libgcc's constructor and old compilers lack the new names.
 */
#ifndef SIGNS_CPU_X86_HPP
#define SIGNS_CPU_X86_HPP

#include <cpuid.h>
#include <stdint.h>

namespace signs {

enum Register { EBX = 1, ECX = 2 };

/* Whether bit `bit` of `where` is set in CPUID leaf 7. */
static inline bool has(Register where, int bit) {
    unsigned r[4] = {0, 0, 0, 0};
    return __get_cpuid_count(7, 0, &r[0], &r[1], &r[2], &r[3]) && (r[where] >> bit & 1);
}

/* Whether the operating system saves all register states of `mask` (XCR0). */
static inline bool saves(uint64_t mask) {
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 27 & 1)) return false;
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (((uint64_t)high << 32 | low) & mask) == mask;
}

static inline bool has_avx2() { return has(EBX, 5) && saves(0x6); }

/* Foundation, doubleword and quadword, byte and word, vector length, VPOPCNTDQ. */
static inline bool has_avx512() {
    return has(EBX, 16) && has(EBX, 17) && has(EBX, 30) && has(EBX, 31) && has(ECX, 14) &&
           saves(0xE6);
}

static inline bool is_intel() {
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid(0, &a, &b, &c, &d) && b == signature_INTEL_ebx;
}

} /* namespace signs */

#endif
