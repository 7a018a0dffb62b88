"""`/gallery`: favorites, and the icons with the most votes."""
