/* The few machine operations that the CUDA kernels are made of, and nothing from any header, so
 * that nvcc and NVRTC from 10.2 on read the same text (C++14). With SIGNS_EMULATED the same names
 * come from an emulator, which runs the kernels on a CPU.
 */
#ifndef SIGNS_CUDA_MACHINE_CUH
#define SIGNS_CUDA_MACHINE_CUH

typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

#ifdef SIGNS_EMULATED
#include "cuda_emulator.hpp"
#else

#define DEVICE static __device__ __forceinline__
#define KERNEL extern "C" __global__ void
#define TENSOR_CORES (__CUDA_ARCH__ >= 800)
#define NATIVE_BITS (__CUDA_ARCH__ >= 800 && __CUDA_ARCH__ < 1000)

const u32 ALL = 0xFFFFFFFFu; /* lanes */

DEVICE u32 from_lane(u32 value, int xor_lane) { return __shfl_xor_sync(ALL, value, xor_lane); }
DEVICE u32 vote(bool bit) { return __ballot_sync(ALL, bit); }
DEVICE int ones(u32 x) { return __popc(x); }
DEVICE u32 reverse(u32 x) { return __brev(x); }
DEVICE u32 swap_bytes(u32 x) { return __byte_perm(x, 0, 0x0123); }
DEVICE void wait_for_block() { __syncthreads(); }

DEVICE void add(int *to, i64 x) { atomicAdd(to, (int)x); }
DEVICE void add(i64 *to, i64 x) { atomicAdd((u64 *)to, (u64)x); }

/* Any bitwise function of three words, named by its truth table. The compiler's own choice for the
 * carry-save step is nearly twice as long. */
template <int table>
DEVICE u32 logic(u32 a, u32 b, u32 c) {
    u32 d;
    asm("lop3.b32 %0, %1, %2, %3, %4;" : "=r"(d) : "r"(a), "r"(b), "r"(c), "n"(table));
    return d;
}

#if TENSOR_CORES
DEVICE u32 shared_address(const void *p) { return (u32)__cvta_generic_to_shared(p); }

/* `bytes` of 16 or 8 from global to shared memory, zeros behind them, in the background. */
DEVICE void copy16(void *to, const void *from, int bytes) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)),
                 "l"(from), "r"(bytes));
}
DEVICE void copy8(void *to, const void *from, int bytes) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;" ::"r"(shared_address(to)),
                 "l"(from), "r"(bytes));
}
DEVICE void close_copies() { asm volatile("cp.async.commit_group;"); }
template <int open>
DEVICE void wait_for_copies() {
    asm volatile("cp.async.wait_group %0;" ::"n"(open));
}

/* Four 8 by 16 byte matrices; lane l gives the address of row l % 8 of matrix l / 8 and receives
 * bytes 4 (l % 4)... of row l / 4 of each. */
DEVICE void load_matrices(u32 (&x)[4], const void *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3])
                 : "r"(shared_address(row)));
}

/* sum[16, 8] += ones of a[16, 256 bits] and b[8, 256 bits]. */
DEVICE void multiply_bits(int (&sum)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    asm volatile("mma.sync.aligned.m16n8k256.row.col.s32.b1.b1.s32.and.popc "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+r"(sum[0]), "+r"(sum[1]), "+r"(sum[2]), "+r"(sum[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/* sum[16, 8] += products of unsigned bytes a[16, 32] and b[8, 32]. */
DEVICE void multiply_bytes(int (&sum)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.u8.u8.s32 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+r"(sum[0]), "+r"(sum[1]), "+r"(sum[2]), "+r"(sum[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
#endif

#endif
#endif
