"""What each format of pictures means by its bytes: which picture, where on its canvas, in which colors."""
