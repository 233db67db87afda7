"""Records of queues and streams, and what happens to them."""
