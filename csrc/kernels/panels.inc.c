/* Copies into the panels of gemm.inc.c. */

/* Rows first .. first + m - 1 of b (k, n), kept in panels, from a (m, n). Exact. */
static void FM(pack_rows)(R *b, ptrdiff_t k, const R *a, ptrdiff_t lda, ptrdiff_t first,
                          ptrdiff_t m, ptrdiff_t n)
{
    b += first * FM_PANEL;
    for (; n > 0; n -= FM_PANEL, a += FM_PANEL, b += k * FM_PANEL) {
        if (n >= FM_PANEL) {
            for (ptrdiff_t i = 0; i < m; i++) {
                memcpy(b + i * FM_PANEL, a + i * lda, FM_PANEL * sizeof(R));
            }
        } else {
            for (ptrdiff_t i = 0; i < m; i++) {
                memcpy(b + i * FM_PANEL, a + i * lda, (size_t)n * sizeof(R));
            }
        }
    }
}

/* Columns first .. first + m - 1 of b (k, n), kept in panels, from a (m, k). Exact. */
static void FM(pack_columns)(R *b, ptrdiff_t k, const R *a, ptrdiff_t lda, ptrdiff_t first,
                             ptrdiff_t m)
{
    while (m > 0) {
        const ptrdiff_t in = first % FM_PANEL, room = FM_PANEL - in, cols = m < room ? m : room;
        FM(transpose)(b + first / FM_PANEL * k * FM_PANEL + in, FM_PANEL, a, lda, cols, k);
        a += cols * lda;
        first += cols;
        m -= cols;
    }
}
