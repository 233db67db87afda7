"""Where messages go: an event bus, a topic."""
