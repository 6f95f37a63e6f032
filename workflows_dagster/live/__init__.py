"""Home Assistant's power and events as they come: a supervised task of the process `house`."""
