"""What a run has been, as curves, sheets and pages."""
