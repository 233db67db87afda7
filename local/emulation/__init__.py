"""An AWS on this machine, ministack, and the stack in it: built and deployed by SAM, run by its schedule."""
