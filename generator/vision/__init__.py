"""A frozen network that knows natural images: it guides training, judges form, and finds flaws."""
