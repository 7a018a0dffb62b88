"""What a person sees: message layouts, their stateless buttons, and the way an answer takes to Discord."""
