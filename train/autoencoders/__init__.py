"""Networks that learn to reconstruct icons from a short code, and draw by decoding points of a Gaussian of codes."""
