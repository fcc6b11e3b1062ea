"""Stand-ins for what other packages import and the course never calls."""
