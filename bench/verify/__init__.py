"""Every stored number of a run that can be derived, derived again from what the bundle keeps."""
