# cython: language_level=3
"""Numbers below the smallest normal one as zeros, on the thread at hand.

Adam's momentum of a unit that has died halves every seven steps, and the smallest numbers of all round to
themselves: it would never reach 0, and arithmetic with such numbers is slow. XLA and TensorFlow do so, too.
"""
from libc.stdint cimport uint64_t

cdef extern from *:
    """
    #include <stdint.h>
    #if defined(__x86_64__) || defined(_M_X64)
    #include <immintrin.h>
    static uint64_t fm_float_mode(void) { return _mm_getcsr(); }
    static void fm_set_float_mode(uint64_t mode) { _mm_setcsr((unsigned)mode); }
    #define FM_FLUSH 0x8040 /* of results, of operands */
    #elif defined(__aarch64__)
    static uint64_t fm_float_mode(void)
    {
        uint64_t mode;
        __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
        return mode;
    }
    static void fm_set_float_mode(uint64_t mode) { __asm__ volatile("msr fpcr, %0" : : "r"(mode)); }
    #define FM_FLUSH 0x1000000
    #else
    static uint64_t fm_float_mode(void) { return 0; }
    static void fm_set_float_mode(uint64_t mode) { (void)mode; }
    #define FM_FLUSH 0
    #endif
    static uint64_t fm_flush_denormals(void)
    {
        const uint64_t before = fm_float_mode();
        fm_set_float_mode(before | FM_FLUSH);
        return before;
    }
    """
    uint64_t fm_flush_denormals() noexcept nogil             # returns the mode until now
    void fm_set_float_mode(uint64_t mode) noexcept nogil
