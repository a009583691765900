/* What this machine can do: sustained FMA, and bandwidth. Compiled for it by peak.py. */
#include <stddef.h>

#if defined(__AVX512F__)
enum { BYTES = 64 };
#elif defined(__AVX__)
enum { BYTES = 32 };
#else
enum { BYTES = 16 };
#endif
typedef float v __attribute__((vector_size(BYTES)));
enum { CHAINS = 12, LANES = BYTES / sizeof(float) };
#define EACH(do) do(0) do(1) do(2) do(3) do(4) do(5) do(6) do(7) do(8) do(9) do(10) do(11)

/* n rounds of CHAINS independent x = x * a + b. Returns the operations of one round. */
int fma_rounds(ptrdiff_t n, float seed)
{
    const v a = (v){} + 0.5f, b = (v){} + seed;
#define BEGIN(i) v x##i = b + (float)i;
#define ROUND(i)                                                                                   \
    x##i = x##i * a + b;                                                                           \
    __asm__ volatile("" : "+x"(x##i)); /* is not summed up front */
#define END(i) __asm__ volatile("" : : "x"(x##i));
    EACH(BEGIN)
    for (ptrdiff_t round = 0; round < n; round++) {
        EACH(ROUND)
    }
    EACH(END)
    return 2 * CHAINS * LANES;
}

/* n rounds of y = y + a x over `count` floats each: 12 bytes moved an element. */
void axpy_rounds(ptrdiff_t n, float *y, const float *x, ptrdiff_t count)
{
    for (ptrdiff_t round = 0; round < n; round++) {
        for (ptrdiff_t i = 0; i < count; i++) y[i] += 0.5f * x[i];
        __asm__ volatile("" : : : "memory");
    }
}
