"""The enlarger's training: icons at both sizes, the faults of a generator's, the loop, and the report."""
