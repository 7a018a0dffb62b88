"""A frozen network that knows natural images: it guides training, judges form, and tells how real icons are."""
