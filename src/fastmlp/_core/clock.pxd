# cython: language_level=3
"""The clock that never goes back, in nanoseconds."""
from libc.stdint cimport int64_t

cdef extern from *:
    """
    #include <time.h>
    #ifdef _WIN32
    #include <windows.h>
    static long long fm_now_ns(void) {
        LARGE_INTEGER now, second;
        QueryPerformanceCounter(&now);
        QueryPerformanceFrequency(&second);
        return (long long)((double)now.QuadPart * 1e9 / (double)second.QuadPart);
    }
    #else
    static long long fm_now_ns(void) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (long long)now.tv_sec * 1000000000 + now.tv_nsec;
    }
    #endif
    """
    int64_t fm_now_ns() noexcept nogil
