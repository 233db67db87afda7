"""The client without I/O: requests out, answers in. Shells send what it yields, and hand back what came."""
