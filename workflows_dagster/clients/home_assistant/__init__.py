"""Home Assistant's WebSocket API: states and events as they come, statistics back, the Energy dashboard."""
