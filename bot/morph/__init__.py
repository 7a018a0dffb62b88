"""`/morph`: animated walks between two icons."""
