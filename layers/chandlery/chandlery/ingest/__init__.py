"""Records of queues, streams and requests, into any data set that takes them."""
