"""The models that icons are drawn with: kept on the disk, listed and chosen by `/model`."""
