"""What one does with the platform, on this machine or on a cluster: train, serve, look."""
