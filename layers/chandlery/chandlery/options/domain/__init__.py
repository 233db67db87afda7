"""Pure rules about options: the standard library only."""
