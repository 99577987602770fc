"""What is found out about a sensor by experiment: its response, its blind time, its scale."""
