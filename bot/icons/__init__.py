"""`/icon`, its card with buttons, and all that the other rooms need to draw, keep and show icons."""
