"""The two networks against each other: recipes, discriminators, losses, augmentation, the step and the average."""
