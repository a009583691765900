/* Copies into the panels of gemm.inc.c. */

/* Rows first .. first + m - 1 of b (k, n), kept in panels, from a (m, n). Exact. */
static void FM(pack_rows)(R *b, ptrdiff_t k, const R *a, ptrdiff_t lda, ptrdiff_t first,
                          ptrdiff_t m, ptrdiff_t n)
{
    b += first * FM_PANEL;
    for (; n > 0; n -= FM_PANEL, a += FM_PANEL, b += fm_panel_size(k)) {
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

/* Columns first .. first + m - 1 of b (k, n), kept in panels, from a (m, k). Exact. a_rows: 0, or
 * so many rows has the matrix in panels that a is a part of; lda is not used. */
static void FM(pack_columns)(R *b, ptrdiff_t k, const R *a, ptrdiff_t lda, ptrdiff_t a_rows,
                             ptrdiff_t first, ptrdiff_t m)
{
    const ptrdiff_t run = a_rows ? FM_PANEL : k; /* elements of a row of a that lie side by side */
    lda = a_rows ? FM_PANEL : lda;
    while (m > 0) {
        const ptrdiff_t in = first % FM_PANEL, room = FM_PANEL - in, cols = m < room ? m : room;
        const R *from = a;
        R *to = b + first / FM_PANEL * fm_panel_size(k) + in;
        for (ptrdiff_t p = 0; p < k;
             p += run, from += fm_panel_size(a_rows), to += run * FM_PANEL) {
            FM(transpose)(to, FM_PANEL, from, lda, cols, k - p < run ? k - p : run);
        }
        a += cols * lda;
        first += cols;
        m -= cols;
    }
}

/* a (m, n) from rows first .. first + m - 1 of b (k, n), which is kept in panels. Exact. */
static void FM(unpack_rows)(R *a, ptrdiff_t lda, const R *b, ptrdiff_t k, ptrdiff_t first,
                            ptrdiff_t m, ptrdiff_t n)
{
    b += first * FM_PANEL;
    for (ptrdiff_t j = 0; j < n; j += FM_PANEL, b += fm_panel_size(k)) {
        const ptrdiff_t cols = n - j < FM_PANEL ? n - j : FM_PANEL;
        for (ptrdiff_t i = 0; i < m; i++) {
            memcpy(a + i * lda + j, b + i * FM_PANEL, (size_t)cols * sizeof(R));
        }
    }
}
