"""What the course's code is measured against: the same functions, written the way others wrote them."""
