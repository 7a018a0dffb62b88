"""The commands of the generator's door, one module for each family."""
