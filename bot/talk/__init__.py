"""What every answer is made of: the interaction's type, who may, delivery, stateless buttons, words, texts, errors."""
