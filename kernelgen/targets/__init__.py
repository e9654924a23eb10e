"""How iteration runs: one file for each target."""
