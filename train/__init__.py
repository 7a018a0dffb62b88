"""From a folder of icons to a bundle. Imports generator, never bot."""
