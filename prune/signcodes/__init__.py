"""Sign codes: packing, comparing, keeping and sampling them, epoch after epoch."""
