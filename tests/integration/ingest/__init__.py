"""Records of queues and streams, and what becomes of them."""
