"""The client for async programs: asyncio, and trio."""
