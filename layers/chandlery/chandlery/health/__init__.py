"""Whether all is well: what is measured, the rules that judge it, and the verdict."""
