"""Types of the extension module loss_points.pyx: it fills the table of loss_rows."""
