"""Types of the extension module loss_classes.pyx: it fills the table of loss_rows."""
