"""A frozen network that knows natural images: it guides training, and judges form."""
